"""Questions in words of our own, with a stretch of the paragraph that answers each; without one, silence is right."""

from dataclasses import dataclass

Place = tuple[str, int, int]
"""File (or anchor), first and last line of an answer."""


@dataclass(frozen=True)
class Question:
    """What is asked, where the answers stand (nowhere: silence is right), how the question came about, and of what."""

    text: str
    gold: tuple[Place, ...]
    kind: str
    collection: str


ASKED_OF_PEPS: tuple[tuple[str, str, str], ...] = (
    (
        "Why can universal newlines be switched off when building?",
        "pep-0278.rst",
        "does have a small performance penalty",
    ),
    (
        "Why did they settle on TOML as the configuration format?",
        "pep-0518.rst",
        "This format was chosen as it is human-usable",
    ),
    (
        "Why is an exception raised for malformed Roman numerals?",
        "pep-0313.rst",
        "because explicit is better than implicit",
    ),
    (
        "Why hash array mapped tries and not plain dictionaries for contexts?",
        "pep-0550.rst",
        "we choose Hash Array Mapped Trie",
    ),
    (
        "Why are PGP keys going away release manager by release manager?",
        "pep-0761.rst",
        "Because PGP keys are tied to a release manager identity",
    ),
    (
        "Why do interpreter implementation details live in sys?",
        "pep-0421.rst",
        "is the depot for interpreter-centric variables",
    ),
    ("Why are templates not hashable?", "pep-0750.rst", "was not useful as a cache key in template processing code"),
    (
        "Why drop OpenSSL 1.1.0 although Debian Stretch still ships it?",
        "pep-0644.rst",
        "since it would complicated code cleanup and testing",
    ),
    (
        "Why keep IntEnum for things like socket constants?",
        "pep-0435.rst",
        "backwards compatibility since user code may expect integers",
    ),
    (
        "Why is the borrowed UTF-8 string function taken away without warning first?",
        "pep-0393.rst",
        "since it was an API for internal use only",
    ),
    (
        "What made Python 2.6 and 3.0 candidates diverge in schedule?",
        "pep-0361.rst",
        "we've decided to split the rc releases",
    ),
    (
        "Why not a separate annotation for instance variables?",
        "pep-0526.rst",
        "This is redundant because instance variables are way more common",
    ),
    (
        "Why must backends fail on dynamic fields they cannot extend?",
        "pep-0808.rst",
        "to protect against possible user error",
    ),
    (
        "Why underline the whole span of an error rather than one position?",
        "pep-0657.rst",
        "It has been proposed to use a single caret",
    ),
    (
        "Why is the hand-written f-string parser a burden?",
        "pep-0701.rst",
        "It adds a considerable maintenance cost to the CPython parser",
    ),
    (
        "Why are custom config options keyed by strings and not numbers?",
        "pep-0741.rst",
        "is more likely to cause conflicts when using integers",
    ),
    ("Why is yield allowed inside finally?", "pep-0601.rst", "acceptable by this PEP because resuming the generator"),
    (
        "Why does the transport have writelines-like batching?",
        "pep-3153.rst",
        "The latter method is a performance optimization",
    ),
    (
        "Why is urandom preferred to the blocking device?",
        "pep-0524.rst",
        "it should be used instead of ``/dev/random``",
    ),
    (
        "Why was storage and distribution of packages left out of the index proposal?",
        "pep-0301.rst",
        "Issues of package dissemination",
    ),
    ("Why SipHash for strings and bytes?", "pep-0456.rst", "is introduced as default hash algorithm"),
    (
        "Why were small integer tests in the export API a trade-off for users?",
        "pep-0757.rst",
        "This might look as a simplification from the API designer",
    ),
    (
        "Why are the new string templates simpler than the dollar-prefix proposal?",
        "pep-0292.rst",
        "is simpler than this because it involves no syntax changes",
    ),
    (
        "What is the reason that one needs to separate static from dynamic project metadata?",
        "pep-0621.rst",
        "also helps with disambiguation for when metadata isn't specified",
    ),
    (
        "Why is the annotations dict not stored for half-executed modules?",
        "pep-0749.rst",
        "must be called again in order to incorporate additional annotations",
    ),
    (
        "Why introduce a new pickle protocol so seldom, and gather many changes in it?",
        "pep-3154.rst",
        "because the introduction of a new pickle protocol should be a rare occurrence",
    ),
    (
        "Why can't incremental logging configuration be fully flexible?",
        "pep-0391.rst",
        "It is difficult to provide complete flexibility for incremental configuration",
    ),
    (
        "Why is manylinux not the best choice for packages that only care about one distribution?",
        "pep-0513.rst",
        "it is less optimal for Linux-specific packages",
    ),
    (
        "Why do official translations of the docs help?",
        "pep-0545.rst",
        "I have seen several groups trying to translate part of our official doc",
    ),
    (
        "Why is bytes on POSIX file paths potentially quicker than text?",
        "pep-0529.rst",
        "avoids the cost of decoding and reencoding",
    ),
    ("Why have protocol negotiation values their own type?", "pep-0748.rst", "avoid the problems inherent in typos"),
    (
        "Why was duplicating the setup code before and in a loop considered bad?",
        "pep-0315.rst",
        "can be a source of errors if one instance is changed",
    ),
    (
        "Why does a missing sqlite library only show up at import time?",
        "pep-0534.rst",
        "cannot be compiled during a CPython build because of missing dependencies",
    ),
    (
        "Why is optimising Python code difficult?",
        "pep-0510.rst",
        "is hard to optimize because almost everything is mutable",
    ),
    (
        "Why were class patterns changed to consider properties?",
        "pep-0653.rst",
        "The intent was to avoid capturing bound-methods",
    ),
    (
        "Why must the metadata nesting depth of JSON be limited?",
        "pep-0819.rst",
        "nesting of JSON payloads to a reasonable depth",
    ),
    (
        "Why put the new operators' hooks among the numeric slots?",
        "pep-0335.rst",
        "since this allows making use of some existing code",
    ),
    (
        "Why have people circulated workarounds for packages split over directories?",
        "pep-0402.rst",
        "various workarounds for this latter limitation exist",
    ),
    (
        "Why macros at all in the C interface?",
        "pep-0674.rst",
        "because writing a macro is simpler than writing a regular function",
    ),
    (
        "Why are explicitly configured registries no solution for Python users?",
        "pep-0708.rst",
        "it basically ends up being an easier version of the idea",
    ),
)
"""Question, document, stretch of the answering paragraph."""

NOT_RECORDED: tuple[str, ...] = (
    "Why was the plane-wave cutoff raised to 520 eV?",
    "Why did we stop shipping a Docker image?",
    "Why is the learning rate halved every ten epochs?",
    "Why does the continuous integration run on self-hosted machines only?",
    "Why was support for Solaris on SPARC tested weekly?",
    "Why is the retry limit for uploads five?",
    "Why did the authors choose MongoDB over PostgreSQL?",
    "Why are log files rotated at midnight?",
    "Why is the default timeout for sockets thirty seconds?",
    "Why was the Gaussian smearing width reduced?",
    "Why does the installer ask for an administrator password twice?",
    "Why was the maintainer of the bug tracker replaced?",
    "Why are GPU kernels compiled with fast math disabled?",
    "Why is the cache size 256 entries?",
    "Why did benchmarks use a laptop instead of a server?",
    "Why was the mailing list archive moved to another host in spring?",
    "Why does the tokenizer read the file in blocks of 8 kilobytes?",
    "Why was the committee enlarged from three to seven members?",
    "Why do documentation examples use the metric system?",
    "Why is the random seed fixed to 42 in the tests?",
    "Why was Kubernetes rejected for the build farm?",
    "Why are forces above 30 eV/Å filtered from the training set?",
    "Why is the website written in Ruby?",
    "Why was the colour of the logo changed to green?",
)
"""Asked of every collection of proposals: none of them says why."""
