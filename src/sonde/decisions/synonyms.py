"""What people write for one another, in software and in the field."""

_MEANINGS = """
    max maximum upper largest most | min minimum lower smallest least |
    drop remove delete discard exclude eliminate strip omit skip prune discontinue |
    filter exclude discard reject drop | add introduce include insert | allow permit accept support enable |
    forbid disallow prohibit ban prevent disable | reject refuse decline rejected |
    replace substitute swap supersede switch migrate | rename name call naming |
    raise increase bump enlarge grow higher larger | lower reduce decrease shrink smaller limit |
    limit restrict cap bound maximum restriction | fix repair bugfix patch correct mend |
    bug error failure fault problem issue crash wrong | fail crash break abort |
    fast speed quick performance efficient slow faster quicker speedup overhead | memory ram oom footprint |
    expensive cost costly cheap | dependency require requirement depend package library | pin constrain cap freeze |
    deprecate obsolete legacy discontinue | argument parameter option flag keyword setting arg param kwarg |
    configuration config setting configure | function method routine | folder directory path | file document |
    test check verify testing | documentation docs docstring doc | default standard | float32 fp32 single precision |
    float64 fp64 double precision | gpu cuda device | cpu processor | random stochastic randomness seed rng |
    weight checkpoint parameter model | ensemble committee | train training fit fitting | dataset data |
    structure configuration frame snapshot cell geometry | force gradient | stress virial | cell lattice |
    neighbor neighbour | cutoff radius | functional xc | relax relaxation optimise optimize optimization |
    simple simplicity easy simpler easier simplify | complex complicated complexity difficult hard |
    compatible compatibility backward backwards compat | license licence | color colour | behavior behaviour |
    optimise optimize | initialise initialize init | normalise normalize | safe security secure unsafe vulnerability |
    version release | user people person | syntax grammar notation | separate split distinct |
    merge join combine unify | warn warning | exception error | store save keep write persist cache |
    load read parse | number integer int | string text str | dictionary dict mapping | list array sequence |
    explicit explicitly | implicit implicitly automatic automatically | underline caret highlight mark |
    quick faster speed | span range | one single | confusing confusion confuse unclear misleading surprising |
    ambiguous ambiguity | consistent consistency inconsistent | build compile | tool tooling | node machine server |
    ignore skip | wait delay sleep timeout | retry repeat again | parallel concurrent thread multiprocessing |
    hash digest checksum | email mail | image picture figure | average mean | threshold limit cutoff |
    lazy lazily deferred defer postpone demand | manual manually hand | empty blank null none |
    spawn start launch create begin | cancel abort interrupt stop | old legacy stale outdated former |
    recommend prefer favour favor encourage | print log output emit | order sort sequence |
    risk danger risky dangerous hazard unsafe | deterministic reproducible repeatable | hang freeze stall deadlock |
    workaround hack trick | guess infer detect heuristic | equal equality compare comparison |
    precise accurate accuracy exact precision | symlink symbolic | glob wildcard | llm ai gpt chatgpt |
    shortcut alias abbreviation | mandatory required obligatory compulsory | optional voluntary |
    nested nesting inner | broken defective faulty corrupt damaged |
    unify uniform consistent standardize standardise | scatter spread distribute | quote quotation |
    loop cycle iterate iteration | private internal hidden underscore | public exported exposed |
    generate produce build create | connection socket | descriptor handle fd |
    subclass inherit derive derived inheritance | immutable frozen readonly constant | mutable modify mutate change |
    convergence converge tolerance | temperature thermostat | pressure barostat | charge oxidation |
    spin magnetic magnetism magmom | energy energies | loss objective | split partition | duplicate copy duplication |
    noise noisy | outlier anomaly | harmless safe benign innocuous |
    unnecessary needless redundant superfluous useless unneeded |
    abandon retire withdraw drop discontinue obsolete remove | revert undo rollback restore back |
    truncate cut clip shorten chop | keep retain preserve stay remain leave maintain | untouched unchanged intact |
    begin start first initial onset | end finish terminate stop trailing last | disable deactivate off switch turn |
    wrong incorrect mistaken erroneous bogus invalid bad | right correct proper valid | harm damage hurt break |
    hidden private invisible | show display print visible appear | hide conceal mask suppress |
    visible exposed shown | detect find discover locate notice spot |
    detect recognize recognise determine identify probe recognition detection |
    avoid prevent circumvent bypass workaround | cause lead trigger provoke result produce |
    happen occur arise emerge | help assist aid ease | handle treat process deal |
    tolerate accept ignore allow permit | refuse reject deny decline | lock mutex guard |
    race concurrent simultaneous | wait block sleep hang | crash abort segfault die kill assert |
    assert assertion abort | endless infinite forever unbounded loop | leak leakage lost |
    linkage link linked linking | newest latest recent modern new current |
    old former previous earlier ancient before | older earlier previous | mac macos osx darwin apple |
    windows win32 w32 msvc mingw microsoft | unix posix | linux glibc | ci continuous integration travis bot |
    unicode utf utf8 | compiler gcc clang | identifier id name identifiers |
    password passphrase pin credential authorization authentication | certificate cert x509 | login authentication |
    reply respond response answer | request query ask | ask call query use | utility tool program command |
    program binary executable application app | text string prose | character char byte letter |
    manpage man manual page | uppercase upper capital | lowercase lower | newline linefeed line |
    blank whitespace space | indent indentation | instruction step procedure guide steps |
    guide documentation manual tutorial | tarball archive release distribution |
    ship distribute bundle include tarball | compress zip gzip compression | unpack extract decompress |
    amount size quantity number count much | size length amount | big large huge great | small tiny little |
    tall high | exceed over overflow beyond above larger | embed inline directly inside nested |
    inside within internal | outside external | outer enclosing | allocate allocation malloc alloc calloc |
    free release deallocate dispose | close shut shutdown | automaton dfa nfa | regex regexp pattern expression |
    pattern regex regexp | match find | search find lookup seek scan | queue buffer backlog | buffer cache |
    forget lose lost drop | lose loss lost | missing lack absent without lacking | available present exist existing |
    custom own special | own custom self | place location position site where | way method approach means manner |
    alternative option choice other | time date timestamp clock moment | timestamp time |
    expire expiry lifetime timeout | lifetime expiry duration | sometimes occasionally rarely |
    rare seldom rarely unlikely | often frequent common commonly usually | every each all any |
    always unconditional unconditionally | only solely merely | exclusively only | several multiple many various few |
    different distinct differ various another | same equal identical | similar alike same | title heading caption |
    heading header title | comment remark note | announce announcement publish | publish release announce |
    writer emitter | draw render paint plot rendering | cost overhead expensive waste price penalty |
    waste cost useless | worth worthwhile benefit value useful | benefit advantage gain useful |
    drawback disadvantage downside | tradeoff compromise balance | useful helpful handy beneficial |
    convenient handy easy convenience | ugly hack kludge | clean tidy neat clear cleaner |
    clear obvious explicit plain | readable readability legible | style format convention |
    convention standard style | standard spec specification rfc posix | conform comply compliance according |
    law legal | contributor developer maintainer | developer programmer author | newcomer beginner novice |
    discuss discussion talk | suggest propose recommend suggestion proposal | demand request require insist need |
    insist require enforce | enforce require mandate | check validate verify sanitize | validate check verify |
    escape quote | wrap wrapper enclose | wrapper shim adapter | stack frame | hook callback handler |
    callback hook function | event signal | notify inform tell | complain warn warning error diagnostic |
    diagnostic message error warning | message diagnostic notice text | status code exit |
    exit quit return terminate | result outcome output return | input stdin | output stdout print |
    terminal console tty | environment env | constant literal fixed hardcoded | fixed constant static hardcoded |
    dynamic runtime | runtime dynamic execution | interface api | base parent | child children subprocess sub |
    permission privilege access mode | encrypt cipher crypto encryption encrypted | signature sign signed |
    predictable deterministic | exercise test cover run | execute run invoke call | launch start run |
    plan intend schedule | purpose intentional intentionally deliberate deliberately intend purposely |
    accident accidental accidentally mistake unintended | unexpected surprising unintended surprise |
    vulnerability cve security attack | attack exploit malicious attacker | hostile malicious untrusted |
    trust trusted believe rely | rely depend trust assume | guarantee ensure promise sure |
    impossible cannot unable infeasible | burden maintenance effort load | job task work | worker thread |
    share common shared | separate isolate independent apart | independent separate regardless | attach connect bind |
    detach disconnect | override replace overwrite | overwrite clobber override | alter change modify |
    convert transform translate cast coerce conversion | decode parse decoding | encode serialise serialize encoding |
    precision accuracy digits | digit decimal number | approximate approximation rough estimate |
    compute calculate evaluate | sum add total | multiply product | power exponent pow | logarithm log |
    infinite infinity inf | upgrade update bump | update upgrade refresh | migrate port transition move |
    port portable portability portably | platform os system | architecture arch platform | hardware device |
    virtualenv venv environment | vendor bundle bundled | fork branch | revision commit version |
    changelog news changes | typo spelling misspelling | wording phrase text | reword rephrase |
    suppress silence hide disable quiet avoid | silence suppress quiet mute silent | spurious false unwanted bogus |
    false wrong spurious incorrect | flaky intermittent unstable unreliable | robust stable reliable |
    fragile brittle unreliable | weekly week | yearly year annual | daily day nightly | monthly month | zero 0 |
    two 2 twice double both second | three 3 triple third | four 4 | five 5 | six 6 | seven 7 | eight 8 | nine 9 |
    ten 10 | sixteen 16 | hundred 100 | thousand 1000 | half middle | stumble trip confuse |
    demonstrate show demo example | example sample demo | elongation stretch extension | gather collect accumulate |
    collect gather collection | wise sensible reasonable | odd strange weird | mishandle handle wrong broken |
    exhaust oom memory out | combine merge join together | together combined union group | apart separate split |
    merely only just | transmit send sent | send transmit submit | receive get accept | download fetch retrieve |
    fetch get retrieve obtain | obtain get retrieve acquire | acquire take lock | take accept treat |
    done performed executed | drop lose discard | lazily ondemand needed necessary | demand needed necessary lazily |
    promptly immediately directly | immediately instantly directly straight | straight directly immediately |
    adjacent neighbouring neighbor next | neighbouring adjacent sibling neighbor | sibling neighbouring adjacent |
    machine computer host | host machine computer | network socket remote | remote network server | repair fix |
    mend fix | defect bug | introduce add new | appear show occur | vanish disappear lost deleted |
    delete remove erase | erase delete clear wipe | wipe clear erase zero | clear reset erase | reset clear restore |
    evaluate expand compute | expand expansion evaluate | mixing mix combine | interleave order mixed |
    luck accident coincidence | legible readable | narrow small | thorough full complete |
    complete full whole entire | entire whole full complete all | whole entire full complete |
    partial part incomplete | incomplete partial missing | loud noisy verbose | verbose noisy detailed |
    detail verbose
"""
"""One meaning to a row, rows apart by a stroke; a word may stand in several."""


def meanings() -> tuple[tuple[str, ...], ...]:
    """Return groups of words that stand for one another."""
    return tuple(tuple(row.split()) for row in _MEANINGS.split("|"))
