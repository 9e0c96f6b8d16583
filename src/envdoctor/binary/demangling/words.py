"""The short codes of the grammar: types of the language, operators, abbreviations of the standard library."""

from __future__ import annotations

BUILTINS: dict[str, tuple[str, str | None]] = {
    "a": ("signed char", None),
    "b": ("bool", None),
    "c": ("char", None),
    "d": ("double", None),
    "e": ("long double", None),
    "f": ("float", None),
    "g": ("__float128", None),
    "h": ("unsigned char", None),
    "i": ("int", ""),
    "j": ("unsigned int", "u"),
    "l": ("long", "l"),
    "m": ("unsigned long", "ul"),
    "n": ("__int128", None),
    "o": ("unsigned __int128", None),
    "s": ("short", None),
    "t": ("unsigned short", None),
    "v": ("void", None),
    "w": ("wchar_t", None),
    "x": ("long long", "ll"),
    "y": ("unsigned long long", "ull"),
    "z": ("...", None),
}
"""Code to name, and what stands behind a constant of that type; None where the type is written in front."""

LONG_BUILTINS = {
    "Da": "auto",
    "Dc": "decltype(auto)",
    "Dd": "decimal64",
    "De": "decimal128",
    "Df": "decimal32",
    "Dh": "half",
    "Di": "char32_t",
    "Dn": "decltype(nullptr)",
    "Ds": "char16_t",
    "Du": "char8_t",
}

QUALIFIERS = {"r": " restrict", "V": " volatile", "K": " const"}

ABBREVIATIONS = {
    "Sa": ("std::allocator", "allocator"),
    "Sb": ("std::basic_string", "basic_string"),
    "Ss": ("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "basic_string"),
    "Si": ("std::basic_istream<char, std::char_traits<char> >", "basic_istream"),
    "So": ("std::basic_ostream<char, std::char_traits<char> >", "basic_ostream"),
    "Sd": ("std::basic_iostream<char, std::char_traits<char> >", "basic_iostream"),
}
"""Code to what it stands for, and to what the constructor of that class is called."""

OPERATORS: dict[str, tuple[str, int]] = {
    "aN": ("&=", 2), "aS": ("=", 2), "aa": ("&&", 2), "ad": ("&", 1), "an": ("&", 2), "at": ("alignof ", 1),
    "aw": ("co_await ", 1), "az": ("alignof ", 1), "cl": ("()", 0), "cm": (",", 2), "co": ("~", 1), "dV": ("/=", 2),
    "da": ("delete[] ", 1), "de": ("*", 1), "dl": ("delete ", 1), "dv": ("/", 2), "eO": ("^=", 2), "eo": ("^", 2),
    "eq": ("==", 2), "ge": (">=", 2), "gt": (">", 2), "ix": ("[]", 0), "lS": ("<<=", 2), "le": ("<=", 2),
    "ls": ("<<", 2), "lt": ("<", 2), "mI": ("-=", 2), "mL": ("*=", 2), "mi": ("-", 2), "ml": ("*", 2),
    "mm": ("--", 1), "na": ("new[]", 0), "ne": ("!=", 2), "ng": ("-", 1), "nt": ("!", 1), "nw": ("new", 0),
    "nx": ("noexcept", 1), "oR": ("|=", 2), "oo": ("||", 2), "or": ("|", 2), "pL": ("+=", 2), "pl": ("+", 2),
    "pm": ("->*", 2), "pp": ("++", 1), "ps": ("+", 1), "pt": ("->", 0), "qu": ("?", 0), "rM": ("%=", 2),
    "rS": (">>=", 2), "rm": ("%", 2), "rs": (">>", 2), "ss": ("<=>", 2), "st": ("sizeof ", 1), "sz": ("sizeof ", 1),
}  # fmt: skip
"""Code to sign, and how many operands it has in an expression (0: it is written in a way of its own)."""

SPECIAL = {
    "TV": "vtable for ",
    "TT": "VTT for ",
    "TI": "typeinfo for ",
    "TS": "typeinfo name for ",
}
"""Data that a compiler makes for a type."""

CASTS = {"cc": "const_cast", "dc": "dynamic_cast", "rc": "reinterpret_cast", "sc": "static_cast"}

SPECIAL_OF_NAMES = {
    "GA": "hidden alias for ",
    "GV": "guard variable for ",
    "TH": "TLS init function for ",
    "TW": "TLS wrapper function for ",
}
