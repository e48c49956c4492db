from __future__ import annotations

from curv_issues.data.accounts import ARCHIVE, FileAccount, LeftOut, shorten

ACCOUNT = FileAccount(
    1200,
    (
        *(LeftOut(f"{number}.txt", "not an image (.txt)") for number in range(7)),
        LeftOut("a.png", "broken link", True),
        *(LeftOut(f"{number}.png", "not in a class folder", True) for number in range(6)),
        LeftOut("b.png", "broken link"),
    ),
)


def test_all_files_are_counted():
    assert ACCOUNT.found == 1215
    assert sum(map(len, ACCOUNT.by_reason().values())) == 15
    assert list(ACCOUNT.by_reason()) == ["not an image (.txt)", "not in a class folder", "broken link"]


def test_line():
    assert ACCOUNT.line() == (
        "files: 1,215 found, 1,200 read, 15 left out: 7 not an image (.txt) (0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...); "
        "6 not in a class folder (0.png, 1.png, 2.png, 3.png, 4.png, ...); 2 broken link (a.png, b.png)."
    )
    assert FileAccount(3).line() == "files: 3 found, 3 read."


def test_describe():
    described = ACCOUNT.describe()
    assert (described["found"], described["read"]) == (1215, 1200)
    assert described["left_out"]["broken link"] == {"count": 2, "examples": ["a.png", "b.png"]}
    assert described["left_out"]["not an image (.txt)"] == {"count": 7, "examples": [f"{number}.txt" for number in range(5)]}


def test_notes_list_files_that_look_like_images():
    assert ACCOUNT.notes() == [
        "1 file that looks like an image was left out: broken link (a.png).",
        "6 files that look like images were left out: not in a class folder (0.png, 1.png, 2.png, 3.png, 4.png, ...).",
    ]
    assert FileAccount(3).notes() == []


def test_archives_get_their_own_note():
    one, two = LeftOut("a.zip", ARCHIVE), LeftOut("b.7z", ARCHIVE)
    assert FileAccount(3, (one,)).notes() == ["1 archive was left out (a.zip); if it holds images of the dataset, unpack it."]
    assert FileAccount(3, (one, two)).notes() == [
        "2 archives were left out (a.zip, b.7z); if they hold images of the dataset, unpack them."
    ]


def test_shorten():
    assert (shorten("abc"), shorten("abc", 2), shorten([])) == ("a, b, c", "a, b, ...", "")
