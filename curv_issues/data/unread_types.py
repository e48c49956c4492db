"""Image formats that are not supported, and how to convert such files."""

from __future__ import annotations

RAW_REASON = "camera raw files are not supported; convert to JPEG, PNG or TIFF"
NO_HEIF = "HEIC needs pillow-heif: pip install 'curv-issues[heic]'"
_JPEG_XL = "JPEG XL is not supported; convert to PNG or JPEG"
_SVG = "SVG is a vector format; convert to PNG"
LFS_POINTER = "it is a Git LFS pointer, not the file itself; run git lfs pull"
_PHOTOSHOP = "Photoshop documents are not supported; export as PNG"


def _not_read(name: str) -> str:
    return f"{name} is not supported; convert to PNG or TIFF"


_RAW_ENDINGS = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos", ".mrw"),
    *(".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
_OTHER_ENDINGS = {
    ".icns": "ICNS",
    ".im": "IM",
    ".cur": "CUR",
    ".xbm": "XBM",
    ".xpm": "XPM",
    ".pam": "PAM",
    ".dcx": "DCX",
    ".blp": "BLP",
    ".dcm": "DICOM",
    ".dicom": "DICOM",
    ".exr": "OpenEXR",
    ".xcf": "XCF",
    ".jxr": "JPEG XR",
    ".wdp": "JPEG XR",
    ".bpg": "BPG",
    ".flif": "FLIF",
    ".eps": "EPS",
    ".wmf": "WMF",
    ".emf": "EMF",
}
UNREAD_ENDINGS = {
    **dict.fromkeys(_RAW_ENDINGS, RAW_REASON),
    **dict.fromkeys((".svg", ".svgz"), _SVG),
    **dict.fromkeys((".psd", ".psb"), _PHOTOSHOP),
    ".jxl": _JPEG_XL,
    **{ending: _not_read(name) for ending, name in _OTHER_ENDINGS.items()},
}
"""Lower-case extension with the dot -> why such a file is not read, and what to do."""

_MAGIC = {
    b"\0\0\0\x0cJXL \r\n\x87\n": _JPEG_XL,
    b"\xff\x0a": _JPEG_XL,
    b"8BPS": _PHOTOSHOP,
    b"icns": _not_read("ICNS"),
    b"Image type:": _not_read("IM"),
    b"/* XPM */": _not_read("XPM"),
    b"P7\nWIDTH": _not_read("PAM"),
    b"\x76\x2f\x31\x01": _not_read("OpenEXR"),
    b"#?RADIANCE": _not_read("Radiance HDR"),
    b"gimp xcf": _not_read("XCF"),
    b"II\xbc\x01": _not_read("JPEG XR"),
    b"BPG\xfb": _not_read("BPG"),
    b"FLIF": _not_read("FLIF"),
    b"version https://git-lfs": LFS_POINTER,
}
_DICOM_PLACE = 128


def reason_of_head(head: bytes) -> str | None:
    """Return why a file with these first bytes (up to 132) is not read, and what to do; None if the format is not listed here."""
    for magic, reason in _MAGIC.items():
        if head.startswith(magic):
            return reason
    if head[_DICOM_PLACE : _DICOM_PLACE + 4] == b"DICM":
        return _not_read("DICOM")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<svg"):
        return _SVG
    return None
