"""The public names of our headers with their doc comments, for doc_comments.py.

The compiler's own parser would need clang, which the tests do not need otherwise. The headers are formatted by
clang-format and declare nothing through macros, so that tokens and brackets are enough. What cannot be read
raises Unreadable; nothing is passed over in silence.
"""
import re

TOKEN = re.compile(
    r"""(?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)
      |(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<space>\s+)
      |(?P<literal>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"
         |(?:u8|[uUL])?'(?:[^'\\\n]|\\.)*'|\.?[0-9](?:[eEpP][+-]|'[0-9a-zA-Z]|[0-9a-zA-Z_.])*)
      |(?P<word>[A-Za-z_][A-Za-z_0-9]*)
      |(?P<sign>::|->|<=>|<=|>=|==|!=|&&|\|\||<<|\.\.\.|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE)
BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
CLASSLIKE = {"class", "struct", "union", "enum"}
NO_FUNCTION = {"requires", "noexcept", "decltype", "alignas", "explicit"}


class Unreadable(Exception):
    pass


class Node:
    """A token; or, with `inside`, a bracket and all that it encloses, as "()", "{}", "[]" or "<>"."""

    def __init__(self, text, line, number, inside=None):
        self.text, self.line, self.number, self.inside = text, line, number, inside
        self.last = self  # the token that it ends with

    def flat(self):
        if self.inside is None:
            return [self.text]
        return [self.text[0]] + [text for node in self.inside for text in node.flat()] + [self.text[1]]


def is_word(text):
    return re.match(r"[A-Za-z_]", text) is not None


class Name:
    """One public name. A function also has `before` (what stands before its name), `parameters`, `after`."""

    def __init__(self, kind, text, scope, where, comment, nodes=(), call=None):
        self.kind, self.text, self.scope, self.where, self.comment = kind, text, scope, where, comment.strip()
        self.scope_comment = ""
        self.before = [text for node in nodes[:call] for text in node.flat()]
        self.parameters = nodes[call].flat()[1:-1] if call is not None else []
        self.after = [node.text for node in nodes[call + 1:]] if call is not None else []
        self.declared_only = kind == "function" and "{}" not in self.after

    def title(self):
        return "::".join(self.scope + [self.text])

    def documented(self):
        return bool(self.comment)

    def special(self):
        own = self.scope[-1] if self.scope else ""
        given = [word for word in self.parameters if is_word(word) and word != "const"]
        takes_itself = given[:1] == [own] and len(given) < 3 and re.search("&", "".join(self.parameters))
        return self.text == "~" + own or bool(self.text in (own, "operator=") and takes_itself)

    def is_getter(self):
        return self.kind == "function" and not self.parameters and "const" in self.after

    def neighbours(self, names):
        """The overloads in one row with this one; a default constructor's comment tells nothing of others."""
        row = []
        for step in (-1, 1):
            at = names.index(self) + step
            while 0 <= at < len(names) and names[at].text == self.text:
                if "default" not in names[at].after:
                    row.append(names[at])
                at += step
        return row


class Header:
    """Reads one header: the `names` and `macros` that it makes public, the headers that it `includes`."""

    def __init__(self, path, shown):
        self.shown, self.names, self.macros, self.includes = shown, [], [], []
        self.comments, self.last_on_line = {}, {}
        text, line, tokens = path.read_text(encoding="utf-8"), 1, []
        for match in TOKEN.finditer(text):
            if match["comment"]:
                self.comments[line] = match["comment"]
            elif match["directive"]:
                self.last_on_line[line] = -1
                self.directive(match["directive"].split(), line)
            elif not match["space"]:
                self.last_on_line[line] = len(tokens)
                tokens.append(Node(match.group(), line, len(tokens)))
            line += match.group().count("\n")
        self.read_scope(self.nest(iter(tokens), ""), [], True, "")

    def fail(self, line, what):
        raise Unreadable(f"{self.shown}:{line}: {what}")

    def directive(self, words, line):
        name = words[1].split("(")[0] if len(words) > 1 else ""
        if words[0] == "#include" and words[1].startswith("<hdikafka"):
            self.includes.append(words[1].strip("<>"))
        elif words[0] == "#define" and name.startswith("HDIKAFKA_") and not name.endswith("_HPP"):
            self.macros.append(Name("macro", name, [], f"{self.shown}:{line}", self.comment_above(line)))
        elif words[0] == "#undef":
            self.macros = [macro for macro in self.macros if macro.text != name]

    def nest(self, tokens, closing):
        nodes, line = [], 1
        for token in tokens:
            line = token.line
            if token.text == closing:
                nodes.append(token)
                return nodes
            if token.text in ("(", "[", "{"):
                token.inside = self.nest(tokens, BRACKETS[token.text])
                token.last = token.inside.pop()
                token.text += BRACKETS[token.text]
            elif token.text in (")", "]", "}"):
                self.fail(line, f"'{token.text}' closes nothing")
            nodes.append(token)
        if closing:
            self.fail(line, f"'{closing}' is missing")
        return nodes

    def comment_above(self, line):
        block = []
        while True:
            line -= 1
            comment = self.comments.get(line, "")
            if line in self.last_on_line or not comment.startswith("///") or comment.startswith("///<"):
                return " ".join(reversed(block))
            block.append(comment[3:])

    def comment_of(self, nodes):
        """The comment above a declaration, or the one behind its end."""
        last = nodes[-1].last
        behind = self.comments.get(last.line, "")
        if behind.startswith("///<") and self.last_on_line[last.line] == last.number:
            return behind[4:]
        return self.comment_above(nodes[0].line)

    def declarations(self, nodes):
        """Cuts the nodes of a namespace or class into declarations; template arguments become one node."""
        rest, one = list(nodes), []
        while rest:
            node = rest.pop(0)
            texts = [other.text for other in one]
            if node.text == "<" and "=" not in texts and texts[-1:] != ["operator"]:
                self.fold_arguments(node, rest)
            one.append(node)
            body = node.text == "{}" and self.is_body(one)
            if body and rest and rest[0].text == ";":
                one.append(rest.pop(0))
            label = node.text == ":" and texts in (["public"], ["protected"], ["private"])
            if body or label or node.text == ";":
                yield one
                one = []
        if one:
            self.fail(one[0].line, "a declaration without an end")

    def fold_arguments(self, node, rest):
        depth, inside = 1, []
        while rest:
            depth += (rest[0].text == "<") - (rest[0].text == ">")
            inside.append(rest.pop(0))
            if depth == 0:
                node.last = inside.pop()
                node.text, node.inside = "<>", inside
                return
        self.fail(node.line, "'<' is never closed")

    def is_body(self, nodes):
        """Whether the braces at the end are a function's or namespace's body, with which it ends."""
        texts = [node.text for node in nodes]
        if texts[0] == "namespace" or texts[:2] == ["inline", "namespace"]:
            return True
        call = parameter_list(texts)
        if call is None or "=" in texts[call:] or texts[-3:-1] == ["requires", "()"] or texts[-2] == "requires":
            return False
        initializes = ":" in texts[call:] and (texts[-2] == "<>" or is_word(texts[-2]))
        return not initializes

    def read_scope(self, nodes, scope, public, comment):
        mine = []
        for one in self.declarations(nodes):
            texts = [node.text for node in one]
            if texts[-1] == ":":
                public = texts[0] == "public"
            elif "namespace" in texts[:2]:
                self.read_namespace(one, texts, mine)
            elif public:
                self.read_declaration(one, texts, scope, mine)
        for name in mine:
            name.scope_comment, name.siblings = comment, mine
        self.names += mine

    def read_namespace(self, one, texts, mine):
        if texts[-1] != "{}":
            mine.append(Name("alias", texts[1], [], f"{self.shown}:{one[0].line}", self.comment_of(one)))
        elif "hdikafka" in texts and "detail" not in texts:
            self.read_scope(one[-1].inside, [], True, "")
        elif not {"hdikafka", "detail"} & set(texts):
            self.fail(one[0].line, "a namespace of another name")

    def read_declaration(self, one, texts, scope, mine):
        where, comment = f"{self.shown}:{one[0].line}", self.comment_of(one)
        while texts[0] == "template":
            one, texts = one[2:], texts[2:]
        call = parameter_list(texts)
        if call is not None:
            start = texts.index("operator") if "operator" in texts[:call] else call - 1
            name = "".join(text for node in one[start:call] for text in node.flat())
            if texts[start - 1] == "~":
                name = "~" + name
            if texts[start - 1] != "::":  # else its class has declared it
                mine.append(Name("function", name, scope, where, comment, one, call))
        elif texts[0] in ("static_assert", "friend"):
            return
        elif CLASSLIKE & set(texts) and "=" not in texts:
            self.read_class(one, texts, scope, where, comment, mine)
        elif texts[0] == "using":
            mine.append(Name("alias", [text for text in texts[1:] if is_word(text)][0 if "=" in texts else -1],
                             scope, where, comment))
        else:
            plain = texts[:texts.index("=")] if "=" in texts else texts
            kind = "concept" if "concept" in texts else "value"
            mine.append(Name(kind, [text for text in plain if is_word(text)][-1], scope, where, comment))

    def read_class(self, one, texts, scope, where, comment, mine):
        kind = next(text for text in texts if text in CLASSLIKE)
        end = min(texts.index(mark) for mark in (":", "{}", ";") if mark in texts)
        name = [text for text in texts[:end] if is_word(text) and text != "final"][-1]
        if "{}" not in texts or "std" in texts[:end]:
            return  # declared ahead, or a trait of the standard library's
        body = one[texts.index("{}")]
        mine.append(Name(kind, name, scope, where, comment))
        if kind == "enum":
            self.read_enumerators(body, scope + [name], mine)
        else:
            self.read_scope(body.inside, scope + [name], kind == "struct", comment)

    def read_enumerators(self, body, scope, mine):
        one = []
        for node in body.inside + [body.last]:
            if node.text in (",", "}"):
                if one:
                    last = [node] if node.text == "," else []
                    where = f"{self.shown}:{one[0].line}"
                    mine.append(Name("enumerator", one[0].text, scope, where, self.comment_of(one + last)))
                one = []
            else:
                one.append(node)


def parameter_list(texts):
    """Where a function's parameters are; None when it is no function."""
    if "=" in texts and "operator" not in texts[:texts.index("=")]:
        texts = texts[:texts.index("=")]
    at = texts.index("operator") + 2 if "operator" in texts else 1
    while at < len(texts):
        before = texts[at - 1]
        if texts[at] == "()" and ("operator" in texts[:at] or (is_word(before) and before not in NO_FUNCTION)):
            return at
        at += 1
    return None
