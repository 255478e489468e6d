#!/usr/bin/env python3
"""Finds the co_await statements that gcc 12 miscompiles.

gcc 12 copies some temporaries of a statement with co_await bit by bit, rejects others, and lays out a
wrong frame for co_await in a condition. So in a statement with co_await there is no lambda with captures,
no ?: and no braced list; co_await stands in no condition (but `while (auto x = co_await ...)` is fine) and
in no throw or new. Give it a name on the line before. A lambda's body is a function of its own: what it
awaits does not count for the statement that creates the lambda.

    coroutine_rules.py DIRECTORY...     checks every .hpp and .cpp below
    coroutine_rules.py --self-test      shows that each bad shape is caught; done before every check too
"""
import re
import sys
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n\\]|\\.)*)
      |(?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      |(?P<text>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"|(?:[uUL]|u8)?'(?:[^'\\\n]|\\.)*')
      |(?P<number>\.?[0-9](?:[eEpP][+-]|'[0-9a-zA-Z]|[0-9a-zA-Z_.])*)
      |(?P<word>[A-Za-z_][A-Za-z_0-9]*)
      |(?P<sign>::|->|<<=|>>=|&&|\|\||[-+*/%&|^=!<>]=|\+\+|--|<<|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

CLASS_LIKE = {"namespace", "class", "struct", "union", "enum", "concept", "extern"}
BEFORE_BLOCK = {")", "const", "noexcept", "override", "final", "mutable", "else", "do", "try", "&", "&&", ":", "["}
CONDITIONS = {"if", "while", "for", "switch"}
OPENING = {"(": ")", "[": "]", "{": "}"}


def tokens_of(text):
    result, line, position = [], 1, 0
    while position < len(text):
        match = TOKEN.match(text, position)
        kind = match.lastgroup if match.lastgroup != "mark" else "raw"
        if kind in ("raw", "text"):
            result.append(('""', line))
        elif kind != "skip":
            result.append((match.group(), line))
        line += match.group().count("\n")
        position = match.end()
    return result


class Checker:
    """Walks the tokens of one file, statement by statement."""

    def __init__(self, text):
        self.tokens = tokens_of(text)
        self.at = 0
        self.found = []  # (line, what is wrong)

    def word(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][0] if 0 <= index < len(self.tokens) else ""

    def run(self):
        while self.at < len(self.tokens):
            self.block()
            self.at += 1  # a closing brace too many: go on behind it
        return self.found

    def block(self):
        """Statements up to the closing brace, which is left for the caller."""
        while self.at < len(self.tokens) and self.word() != "}":
            self.statement()

    def statement(self):
        """One statement or declaration, or the head of one up to its block."""
        seen = Statement()
        while self.at < len(self.tokens):
            word, line = self.tokens[self.at]
            if word == "}":
                break
            if word == ";":
                self.at += 1
                break
            if word in CONDITIONS and self.condition(word):
                break
            if word == "{" and seen.opens_block():
                self.at += 1
                self.block()
                self.at += 1
                if not seen.is_class():
                    break
                continue
            if word in ("case", "default") and not seen.words:
                while self.at < len(self.tokens) and self.word() not in (":", ";", "{", "}"):
                    self.at += 1
                self.at += 1
                continue
            self.piece(seen)
        self.judge(seen)

    def condition(self, keyword):
        """`if (...)` and its like; the statement behind it is the next one."""
        skip = 1
        while self.word(skip) in ("constexpr", "consteval"):
            skip += 1
        if self.word(skip) != "(":
            return False
        self.at += skip
        seen = Statement()
        self.piece(seen)  # the parentheses
        words = seen.words
        if "co_await" in words:
            declared = words.index("co_await") - 1
            is_loop_variable = (
                keyword == "while"
                and declared > 1
                and words[declared] == "="
                and ";" not in words
                and words[1] in ("auto", "const")
                and words.count("co_await") == 1
            )
            if not is_loop_variable:
                self.found.append((seen.lines[0], f"co_await in the condition of {keyword}"))
        self.judge(seen)
        return True

    def piece(self, seen):
        """One token of an expression, or all that a bracket encloses."""
        word, line = self.tokens[self.at]
        if word == "[" and self.word(1) == "[":  # an attribute
            while self.at < len(self.tokens) and not (self.word() == "]" and self.word(1) == "]"):
                self.at += 1
            self.at += 2
            return
        if word == "[" and seen.may_start_lambda():
            self.lambda_expression(seen)
            return
        seen.add(word, line)
        self.at += 1
        if word in OPENING:
            if word == "{":
                seen.braces.append(line)
            while self.at < len(self.tokens) and self.word() != OPENING[word]:
                if self.word() in ")]}":
                    return  # not C++, or a macro's half: do not run away with it
                self.piece(seen)
            seen.add(self.word(), line)
            self.at += 1

    def lambda_expression(self, seen):
        line = self.tokens[self.at][1]
        captures = Statement()
        self.at += 1
        while self.at < len(self.tokens) and self.word() != "]":
            self.piece(captures)
        self.at += 1
        seen.add("lambda", line)
        if captures.words:
            seen.capturing.append(line)
        seen.merge(captures)
        head = Statement()
        while self.at < len(self.tokens) and self.word() not in ("{", ";", ")", "}"):
            self.piece(head)
        if self.word() == "{":
            self.at += 1
            self.block()
            self.at += 1

    def judge(self, seen):
        if "co_await" not in seen.words:
            return
        for line in seen.capturing:
            self.found.append((line, "a lambda with captures in a statement with co_await"))
        for line in seen.braces:
            self.found.append((line, "a braced list in a statement with co_await"))
        for word, line in zip(seen.words, seen.lines):
            if word == "?":
                self.found.append((line, "?: in a statement with co_await"))
            if word in ("throw", "new"):
                self.found.append((line, f"{word} in a statement with co_await"))


class Statement:
    """What one statement is made of, without the bodies of its lambdas."""

    def __init__(self):
        self.words, self.lines, self.braces, self.capturing = [], [], [], []

    def add(self, word, line):
        self.words.append(word)
        self.lines.append(line)

    def merge(self, other):
        self.words += other.words
        self.lines += other.lines
        self.braces += other.braces
        self.capturing += other.capturing

    def is_class(self):
        return any(word in CLASS_LIKE for word in self.words) and "(" not in self.words

    def opens_block(self):
        """Whether `{` begins a block here; else it begins a braced list."""
        if not self.words or self.words[-1] in BEFORE_BLOCK or self.is_class():
            return True
        if self.words[0] in CLASS_LIKE:
            return True
        # A function with a trailing return type, or one with member initializers in braces.
        if "co_await" in self.words or "=" in self.words:
            return False
        text = " ".join(self.words)
        return re.search(r"\) (const |noexcept |mutable )*-> ", text) is not None or (
            re.search(r"\) (noexcept )*: ", text) is not None and self.words[-1] == "}"
        )

    def may_start_lambda(self):
        """Whether `[` begins a lambda and not an index or a structured binding."""
        if not self.words:
            return True
        last = self.words[-1]
        if last in ("return", "co_return", "co_yield", "co_await", "throw", "case"):
            return True
        if last in ("&", "&&") and len(self.words) > 1 and self.words[-2] == "auto":
            return False
        return not (re.match(r'[A-Za-z_"]', last) or last in (")", "]", "}"))


def check(text):
    return Checker(text).run()


# ---- Self-test --------------------------------------------------------------------------------------------

BAD = [
    "co_await f([x] { g(x); });",
    "co_await f([&] { g(); });",
    "co_await f([this]() -> int { return 1; });",
    "auto r = co_await f(a, [x = std::move(y)](int n) mutable noexcept { return n; });",
    "auto r = co_await f(a ? b : c);",
    "auto r = a ? co_await f() : co_await g();",
    "co_return a ? co_await f() : b;",
    "co_await f({1, 2});",
    "co_await f(point{1, 2});",
    "point p{co_await f()};",
    "auto p = point{1, co_await f()};",
    "co_return point{co_await f()};",
    "if (co_await f()) g();",
    "if (auto r = co_await f()) g();",
    "if (auto r = co_await f(); r) g();",
    "if (!co_await f()) { g(); }",
    "if (a) g(); else if (co_await f()) h();",
    "while (co_await f()) g();",
    "while (x = co_await f()) g();",
    "while (auto x = a && co_await f()) g();",
    "do g(); while (co_await f());",
    "do { g(); } while (co_await f());",
    "for (int i = 0; i < co_await f(); ++i) g();",
    "for (auto x : co_await f()) g();",
    "for (auto const& x : co_await f()) { g(x); }",
    "switch (co_await f()) { case 1: break; }",
    "throw co_await f();",
    "throw error(co_await f());",
    "auto p = new T(co_await f());",
    "auto p = std::unique_ptr<T>(new T(co_await f()));",
    "while (auto x = co_await f(a ? b : c)) g();",
    "while (auto x = co_await f([a] { return a; })) g();",
    "if (a) { while (b) { for (;;) co_await f({1}); } }",
    "if (a) co_await f({1}); else g();",
    "switch (a) { case 1: co_await f({1}); }",
    "auto run = [&]() -> awaitable<void> { co_await f({1}); };",
    "spawn(ex, [&]() -> awaitable<void> { if (co_await f()) g(); }, detached);",
    "spawn(ex, [] { return 1; }, [&]() -> awaitable<void> { co_await f(a ? b : c); });",
    "try { co_await f({1}); } catch (error const& e) { }",
    "auto [a, b] = co_await f({1});",
    "co_await f(R\"x({)x\", {1});",
    "co_await f('{', {1}); // }",
    "co_await (a ? b : c);",
    "co_await f(tokens[i], [x] {});",
]

GOOD = [
    "co_await f();",
    "auto r = co_await f(a, b.c(), point(1, 2));",
    "auto [a, b] = co_await f();",
    "auto& [a, b] = co_await f();",
    "while (auto x = co_await f()) g(*x);",
    "while (auto const x = co_await f()) { g(*x); }",
    "co_return co_await f(std::move(a));",
    "co_await f([] { return 1; });",
    "co_await f([](int n) { return n ? 1 : 2; });",
    "co_await f([]() -> point { return point{1, 2}; });",
    "point p{1, 2}; co_await f(p);",
    "auto c = a ? b : d; co_await f(c);",
    "if (a ? b : c) co_await f();",
    "if (point{1} == p) co_await f(); else co_await g();",
    "for (auto x : {1, 2}) co_await f(x);",
    "for (int i = 0; i < n; ++i) { co_await f(i); }",
    "auto r = co_await f(); if (r) { throw error(r); }",
    "spawn(ex, [&]() -> awaitable<void> { co_await f(); }, detached);",
    "auto run = [a, &b]() -> awaitable<int> { int x{1}; co_return co_await f(x); };",
    "co_await f(tokens[i], m[co_await g()]);",
    "co_await f(\"a ? b : {c}\"); // if (co_await f()) {1}",
    "/* co_await f({1}); */ int x{1};",
    "#define AWAIT(x) \\\n  co_await f({x})\nint x;",
    "co_await f('?');",
    "try { co_await f(); } catch (error const& e) { g(e ? 1 : 2); }",
    "switch (a) { case 1: co_await f(); break; default: g(a ? 1 : 2); }",
    "co_await f(1'000'000, 0x1p+3, u8\"?\");",
    "[[maybe_unused]] auto r = co_await f();",
    "{ co_await f(); }",
    "do { co_await f(); } while (a ? b : c);",
    "auto f = [](auto x) { return x; }; co_await g(f);",
]

FRAMES = [
    "awaitable<void> run() { %s }",
    "auto run(int a) const noexcept -> awaitable<void> { %s }",
    "namespace n::inline v1 { template <class T> class c : public b { awaitable<T> run() { %s } int x_{1}; }; }",
    "c::c(int a) : a_{a}, b_(a) { run([a]() -> awaitable<void> { %s }); }",
    'TEST_CASE("a") { struct s { int x = 1; }; auto go = [&](int b = 1) -> net::awaitable<int> { %s }; go(); }',
    "enum class e { a, b }; static int const t[] = {1, 2}; awaitable<void> run() { if (a) { %s } }",
]


def self_test():
    failures = []
    for frame in FRAMES:
        for shape in BAD:
            if not check(frame % ("\n" + shape + "\n")):
                failures.append(f"not caught: {frame % shape}")
        for shape in GOOD:
            for _, what in check(frame % ("\n" + shape + "\n")):
                failures.append(f"false alarm ({what}): {frame % shape}")
    return failures


def main(arguments):
    failures = self_test()
    for failure in failures:
        print("self-test:", failure)
    if failures:
        return 1
    if arguments == ["--self-test"]:
        print(f"{len(BAD)} bad shapes caught and {len(GOOD)} good ones left alone, each in {len(FRAMES)} places")
        return 0
    count, awaits, found = 0, 0, 0
    for directory in arguments:
        for path in sorted(p for p in Path(directory).rglob("*") if p.suffix in (".hpp", ".cpp")):
            text = path.read_text(encoding="utf-8")
            count += 1
            awaits += len(re.findall(r"\bco_await\b", text))
            for line, what in check(text):
                found += 1
                print(f"{path}:{line}: {what}")
    print(f"{count} files, {awaits} times co_await, {found} findings")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
