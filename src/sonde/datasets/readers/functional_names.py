"""One name per exchange-correlation functional, however a code spells it.

The parametrisation of LDA stands in the name: Perdew–Zunger, Perdew–Wang and Padé forms differ by some meV per atom.
A spelling that is not in the table stays as it was written: it is then told from every other.
"""

import re

NAMES: dict[str, tuple[str, ...]] = {
    # Quantum ESPRESSO's short names (Modules/funct.f90) and libxc's stand beside those of VASP, CP2K, aims and GPAW.
    "PBE": ("PBE", "PE", "SLA PW PBX PBC", "SLA PW PBE PBE", "GGA_X_PBE GGA_C_PBE", "PBE PBE", "GGA PBE"),
    "PBEsol": ("PBEsol", "PS", "SLA PW PSX PSC", "GGA_X_PBE_SOL GGA_C_PBE_SOL", "PBE_SOL"),
    "revPBE": ("revPBE", "RE", "SLA PW RPB PBC", "SLA PW REVX PBC", "GGA_X_PBE_R GGA_C_PBE", "PBE_R"),
    "RPBE": ("RPBE", "RP", "SLA PW HHNX PBC", "GGA_X_RPBE GGA_C_PBE"),
    "PW91": ("PW91", "91", "SLA PW GGX GGC", "GGA_X_PW91 GGA_C_PW91"),
    "AM05": ("AM05", "AM", "GGA_X_AM05 GGA_C_AM05"),
    "BLYP": ("BLYP", "SLA LYP B88 BLYP", "B88 LYP", "BECKE88 LYP", "GGA_X_B88 GGA_C_LYP"),
    "WC": ("WC", "SLA PW WCX PBC"),
    "LDA": ("LDA",),
    "LDA (PZ)": ("CA", "PZ", "PZ-LDA", "SLA PZ NOGX NOGC", "SLA PZ", "LDA_X LDA_C_PZ", "LDA_PZ", "Perdew-Zunger LDA"),
    "LDA (PW92)": ("PW-LDA", "SLA PW NOGX NOGC", "SLA PW", "LDA_X LDA_C_PW", "LDA_PW", "Perdew-Wang LDA"),
    "LDA (VWN)": ("VWN", "VWN-LDA", "LDA_X LDA_C_VWN", "SLA VWN NOGX NOGC"),
    "LDA (Pade)": ("PADE",),
    "BEEF-vdW": ("BEEF-vdW", "BF", "BEEF", "BEEX BEEC VDW2", "SLA PW BEEX VDW2"),
    "rVV10": ("rVV10", "SLA PW RW86 PBC VV10", "SLA PW RW86 PBC RVV10"),
    "vdW-DF": ("vdW-DF", "SLA PW RPB VDW1", "SLA PW REVX VDW1"),
    "vdW-DF2": ("vdW-DF2", "SLA PW RW86 VDW2"),
    "vdW-DF-C09": ("vdW-DF-C09", "SLA PW C09X VDW1"),
    "optPBE-vdW": ("optPBE-vdW",),
    "optB88-vdW": ("optB88-vdW",),
    "optB86b-vdW": ("optB86b-vdW",),
    "TPSS": ("TPSS", "SLA PW TPSS TPSS", "MGGA_X_TPSS MGGA_C_TPSS"),
    "revTPSS": ("revTPSS", "RTPSS", "MGGA_X_REVTPSS MGGA_C_REVTPSS"),
    "SCAN": ("SCAN", "MGGA_X_SCAN MGGA_C_SCAN"),
    "rSCAN": ("rSCAN", "MGGA_X_RSCAN MGGA_C_RSCAN"),
    "r2SCAN": ("r2SCAN", "MGGA_X_R2SCAN MGGA_C_R2SCAN"),
    "M06-L": ("M06-L", "M06L", "M6LX", "MGGA_X_M06_L MGGA_C_M06_L"),
    "HLE17": ("HLE17",),
    "HSE06": ("HSE06", "HSE-06", "HYB_GGA_XC_HSE06"),
    "HSE03": ("HSE03", "HYB_GGA_XC_HSE03"),
    "HSEsol": ("HSEsol",),
    "PBE0": ("PBE0", "PBEH", "HYB_GGA_XC_PBEH"),
    "B3LYP": ("B3LYP", "HYB_GGA_XC_B3LYP"),
    "HF": ("HF", "Hartree-Fock", "Hartree-Fock calculation"),
}
"""Name → spellings; compared without regard to case, separators and what stands in brackets."""
INDICES = re.compile(r"\([\d\s.]*\)\s*$")
"""Quantum ESPRESSO repeats a name as numbers: "PBE ( 1 4 3 4 0 0)"."""
LIBXC = re.compile(r"\bXC_(?=(?:LDA|GGA|MGGA|HYB)_)", re.IGNORECASE)
SEPARATORS = re.compile(r"[\s_+,&/|-]+")


def functional_name(written: str) -> str:
    """Return the usual name of a functional; a spelling that is not known stays as it was written."""
    text = INDICES.sub("", written.strip()).strip()
    return _NAME_OF.get(_key(text), " ".join(text.split()))


def _key(text: str) -> str:
    return SEPARATORS.sub("", LIBXC.sub("", text)).casefold()


_NAME_OF = {_key(spelling): name for name, spellings in NAMES.items() for spelling in spellings}
