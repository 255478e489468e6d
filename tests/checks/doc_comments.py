#!/usr/bin/env python3
"""Fails when a public name has no doc comment.

Public is what the headers outside of detail/ reach (without what they include under
HDIKAFKA_SEPARATE_COMPILATION and HDIKAFKA_SOURCE: the definitions of what they declare) and what
namespace hdikafka holds outside of its namespace detail: classes, enums, enumerators, functions, constants,
aliases, concepts, public members and macros named HDIKAFKA_*. A doc comment is a block of `///` right above the
name, or `///<` behind it on its last line.

What gives an awaitable must cover effect, completion, errors, cancellation, lifetime and thread safety, each
under that label and in that order: in its own comment, in its class's, or in that of the function that it says
it is "like next()".

    doc_comments.py [--list] INCLUDE_DIRECTORY     checks; --list shows every name and why it passes
    doc_comments.py --self-test                    shows that each kind of gap is seen; done before every check
"""
import re
import sys
import tempfile
from pathlib import Path

from header_names import Header, Name, Unreadable

LABELS = ["Effect", "Completion", "Errors", "Cancellation", "Lifetime", "Thread safety"]
LABEL_ROW = re.compile(r"\b((?:{0})(?:, (?:{0}))*):".format("|".join(LABELS)))  # also "Errors, Cancellation:"

# Names that pass without a comment of their own, and why. `name` is one of `names`, those of its scope.
EXEMPT = [
    ("copying, moving, assigning and ending do what they always do",
     lambda name, names: name.kind == "function" and name.special()),
    ("defaulted: the compiler writes it, and the class's comment says what the object then is",
     lambda name, names: name.kind == "function" and "default" in name.after),
    ("deleted: it cannot be called",
     lambda name, names: name.kind == "function" and "delete" in name.after),
    ("an operator that does what it always does",
     lambda name, names: re.fullmatch(r"operator(==|!=|<=>|<|>|<=|>=|=|bool|<<)", name.text) is not None),
    ("an overload that stands beside a documented one",
     lambda name, names: name.kind == "function" and any(map(Name.documented, name.neighbours(names)))),
    ("a getter of the name of a documented setter, or the other way round",
     lambda name, names: any(name.text == other.text and other.documented() and
                             (name.is_getter() or other.is_getter()) for other in names)),
    ("declared here, documented where it is defined",
     lambda name, names: name.declared_only and any(name.text == other.text and other.documented()
                                                    for other in names)),
]

IMPLEMENTATION = re.compile(r"#ifndef HDIKAFKA_SEPARATE_COMPILATION\n.*?#endif|#ifdef HDIKAFKA_SOURCE\n.*?#endif", re.DOTALL)


def missing_labels(name):
    """Which labels an awaitable's comments lack, or have in another order."""
    comments, seen = [name.comment, name.scope_comment], [name]
    for other in name.siblings:
        if re.search(rf"\blike {other.text}\(\)", name.comment) and other not in seen:
            comments.append(other.comment)
    found = []
    for comment in comments:
        mine = [label for row in LABEL_ROW.findall(comment) for label in row.split(", ")]
        if mine != sorted(mine, key=LABELS.index):
            return "its labels in the order " + ", ".join(LABELS)
        found += mine
    return ", ".join(label for label in LABELS if label not in found)


def check(include, listing=None):
    """The number of headers and names, and the findings."""
    found, names = [], []
    waiting = ["hdikafka.hpp"] + [f"hdikafka/{path.name}" for path in sorted(include.glob("hdikafka/*.hpp"))]
    done = set()
    while waiting:
        shown = waiting.pop(0)
        if shown in done:
            continue
        done.add(shown)
        try:
            header = Header(include / shown, shown)
        except (OSError, Unreadable) as error:
            found.append(str(error))
            continue
        behind = "".join(IMPLEMENTATION.findall((include / shown).read_text(encoding="utf-8")))
        waiting += [included for included in header.includes if f"<{included}>" not in behind]
        names += header.macros + header.names
    for name in names:
        name.siblings = getattr(name, "siblings", [])
        why = "documented" if name.documented() else None
        if why is None:
            why = next((reason for reason, holds in EXEMPT if holds(name, name.siblings)), None)
        if why is None:
            found.append(f"{name.where}: {name.kind} {name.title()} has no doc comment")
        elif name.kind == "function" and "awaitable" in name.before and missing_labels(name):
            found.append(f"{name.where}: awaitable {name.title()} does not say {missing_labels(name)}")
        if listing is not None:
            listing.append(f"{name.where}: {name.kind} {name.title()}: {why}")
    return len(done), len(names), found


# ---- Self-test --------------------------------------------------------------------------------------------

PASSES = """/// A number.
#define HDIKAFKA_NUMBER 1
namespace hdikafka::inline v0_1 {
namespace detail { class inner { public: int bare; }; }
class ahead;
/// A base.
template <class T>
class base
{
public:
    base() = default;
    /// Made from text.
    template <class U>
    requires(!std::same_as<U, bool>) explicit base(U&& text) noexcept(false) : text_{1}, other_(2) {}
    base(int, int);
    base(base const&) = delete;
    base& operator=(base&& other) noexcept { return *this; }
    ~base() { stop(); }
    /// Sets it, in seconds.
    base& limit(int value) & { return *this; }
    base&& limit(int value) && { return std::move(limit(value)); }
    std::function<void(int)> const& limit() const noexcept { return limit_; }
    explicit operator bool() const noexcept { return true; }
    friend bool operator==(base const& a, base const& b) noexcept { return a.i == b.i; }
    int shown{0}; ///< Shown.
    /// Kinds.
    enum class kind : unsigned char
    {
        one, ///< One.
        /// Two.
        two = 2
    };
private:
    struct hidden { int bare; };
    int text_ = 1 < 2;
};
/// A number.
inline constexpr int number = sizeof(int) < 2 ? 1 : 2;
/// Sums.
inline int sum(int a, std::vector<int> b = {}) { return a; }
/// Effect: waits. Completion: here. Errors: none. Cancellation: ends. Lifetime: its own.
/// Thread safety: any.
net::awaitable<void> pause();
}
template <>
struct std::is_error_code_enum<hdikafka::errc> : std::true_type
{};
"""
# What the finding must name, and what to replace in the header above.
FAILS = [
    ("HDIKAFKA_NUMBER", "/// A number.\n#def", "#def"),
    ("HDIKAFKA_NUMBER", "/// A number.\n#def", "/// A number.\n\n#def"),
    ("class base", "/// A base.\n", ""),
    ("class base", "/// A base.\n", "// A base.\n"),
    ("class base", "/// A base.\n", "///\n"),
    ("base::base", "    /// Made from text.\n", ""),
    ("base::base", "base() = default;\n    /// Made from text.", "/// Nothing.\n    base() = default;"),
    ("base::limit", "    /// Sets it, in seconds.\n", ""),
    ("base::more", "explicit operator", "void more() const;\n    explicit operator"),
    ("base::operatorint", "explicit operator bool", "operator int"),
    ("base::operator[]", "explicit operator bool() ", "int operator[](int i) "),
    ("base::shown", " ///< Shown.", ""),
    ("base::shown", "; ///< Shown.", "; // Shown."),
    ("base::shown", " ///< Shown.\n", " int other; ///< Shown.\n"),
    ("base::kind", "    /// Kinds.\n", ""),
    ("kind::one", " ///< One.", ""),
    ("kind::two", "        /// Two.\n", ""),
    ("hidden", "private:", "public:"),
    ("value number", "/// A number.\ninline", "inline"),
    ("function sum", "/// Sums.\n", ""),
    ("alias t", "/// Sums.\n", "using t = int;\n/// Sums.\n"),
    ("alias n", "/// Sums.\n", "namespace n = std;\n/// Sums.\n"),
    ("concept", "/// Sums.\n", "template <class T>\nconcept c = true;\n/// Sums.\n"),
    ("does not say Lifetime", "Lifetime: its own.", ""),
    ("in the order", "Effect: waits. Completion: here.", "Completion: here. Effect: waits."),
    ("'}' is missing", "\n}\ntemplate", "\ntemplate"),
    ("another name", "namespace detail", "namespace other"),
]


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        include = Path(folder)
        (include / "hdikafka").mkdir()
        (include / "hdikafka.hpp").write_text("#include <hdikafka/detail/reached.hpp>\n")
        (include / "hdikafka" / "detail").mkdir()
        reached = include / "hdikafka" / "detail" / "reached.hpp"
        reached.write_text(PASSES)
        failures += [f"false alarm: {finding}" for finding in check(include)[2]]
        for expected, old, new in FAILS:
            assert PASSES.count(old) == 1, old
            reached.write_text(PASSES.replace(old, new))
            found = check(include)[2]
            if not any(expected in finding for finding in found):
                failures.append(f"{expected} was not found after {old!r} -> {new!r}: {found}")
    return failures


def main(arguments):
    failures = self_test()
    for failure in failures:
        print("self-test:", failure)
    if failures:
        return 1
    if arguments == ["--self-test"]:
        print(f"{len(FAILS)} gaps seen, no false alarm")
        return 0
    listing = [] if "--list" in arguments else None
    headers, names, found = check(Path(arguments[-1]), listing)
    for line in (listing or []) + found:
        print(line)
    print(f"{headers} headers, {names} public names, {len(found)} findings")
    return 1 if found or names < 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
