// response_parser: header fields and every limit. Each answer is read whole, cut at every byte, and byte by
// byte (support/split.hpp).
#include "support/http/answer.hpp"

#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/http_limits.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace {

using hdikafka::errc;
using hdikafka::http_limits;
using hdikafka::detail::response_parser;
using std::string;
using test::read_answer;
using test::read_limited;

string ok(string const& fields, string const& rest = "")
{
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest;
}

void check_refused(string const& fields)
{
    CAPTURE(fields);
    for (auto const& bytes : {ok(fields + "Content-Length: 0\r\n"), ok("Content-Length: 0\r\n" + fields)}) {
        auto const seen = read_answer(bytes);
        CHECK(seen.failed);
        CHECK(seen.fault == errc::bad_field);
        CHECK_FALSE(seen.keep_alive);
        CHECK_FALSE(seen.cause.empty());
    }
}

} // namespace

TEST_CASE("fields are found in any case, the first of them, without the blanks around their values")
{
    response_parser parser{http_limits()};
    string const bytes = ok("X-A:one\r\nx-a: two\r\nX-B: \t b \xc3\xa9\tb \t\r\nX-Empty:\r\nX-Blank: \t \r\n"
                            "!#$%&'*+-.^_`|~09azAZ: all: of, \"it\"\r\nContent-Length: 2\r\n",
                            "hi");
    CHECK(parser.field("X-A") == std::nullopt);
    CHECK(test::feed(parser, {bytes}) == bytes.size());
    REQUIRE(parser.done());
    CHECK(parser.field("x-A") == "one");
    auto const response = parser.take();
    CHECK(response.field("X-a") == "one");
    CHECK(response.field("x-b") == "b \xc3\xa9\tb");
    CHECK(response.field("x-empty") == "");
    CHECK(response.field("x-blank") == "");
    CHECK(response.field("!#$%&'*+-.^_`|~09AZAZ") == "all: of, \"it\"");
    CHECK(response.field("x") == std::nullopt);
    CHECK(response.field("") == std::nullopt);
    CHECK(response.field_count() == 7);
    CHECK(response.field_name(1) == "x-a");
    CHECK(response.field_value(1) == "two");
}

TEST_CASE("an answer may be moved while views into it are held")
{
    response_parser parser{http_limits()};
    string const bytes = ok("A: b\r\nContent-Length: 2\r\n", "hi");
    test::feed(parser, {bytes});
    auto first = parser.take();
    auto const body = first.body_text();
    auto const field = first.field("a");
    auto const second = std::move(first);
    CHECK(body.data() == second.body_text().data());
    CHECK(field->data() == second.field("a")->data());
}

TEST_CASE("the fields can be asked for while the body is on its way, and after a fault in it")
{
    response_parser parser{http_limits()};
    string const bytes = ok("NextOffset: 12\r\nTransfer-Encoding: chunked\r\n", "5\r\nhel");
    test::feed(parser, {bytes});
    CHECK(parser.header_done());
    CHECK_FALSE(parser.done());
    CHECK(parser.status() == 200);
    CHECK(parser.field("nextoffset") == "12");
    test::feed(parser, {"lo??"});
    CHECK(parser.failed());
    CHECK(parser.field("nextoffset") == "12");
}

TEST_CASE("obs-fold: error")
{
    check_refused("A: b\r\n c\r\n");
    check_refused("A: b\r\n\tc\r\n");
    check_refused("A: b\r\n \r\n");
    check_refused(" A: b\r\n");
    check_refused("\tA: b\r\n");
    CHECK(read_answer(ok(" A: b\r\n")).fault == errc::bad_field); // before the first field
}

TEST_CASE("bare CR: error")
{
    for (string const fields : {"A: b\rc\r\n", "A: b\r\r\n", "A\r: b\r\n", "\rA: b\r\n", "A:\rb\r\n",
                                "A: b\r", "\r\r\n", "A: b\rC: d\r\n"})
        check_refused(fields);
}

TEST_CASE("bare LF: error")
{
    for (string const fields : {"A: b\n", "A: b\nC: d\r\n", "\n", "A\n: b\r\n", "A:\nb\r\n", "A: b\r\n\n"})
        check_refused(fields);
    CHECK(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n").fault == errc::bad_field);
    CHECK(read_answer("HTTP/1.1 200 OK\r\n\n").fault == errc::bad_field);
}

TEST_CASE("NUL and every other control character but HTAB: error")
{
    for (int c = 0; c != 256; ++c) {
        bool const control = (c < 0x20 && c != '\t') || c == 0x7f;
        if (c == '\r' || c == '\n')
            continue;
        for (std::size_t at = 0; at != 20; ++at) {
            string value(20, 'v');
            value[at] = static_cast<char>(c);
            string const bytes = ok("Content-Length: 0\r\nA: " + value + "\r\n");
            CAPTURE(c);
            CAPTURE(at);
            response_parser parser{http_limits()};
            test::feed(parser, {bytes});
            CHECK(parser.failed() == control);
            CHECK(parser.done() == !control);
        }
        if (control)
            check_refused("A: b" + string(1, static_cast<char>(c)) + "c\r\n");
    }
}

TEST_CASE("space before colon, no colon, no name, a name that is no token: error")
{
    for (string const fields : {"A : b\r\n", "A\t: b\r\n", "A\r\n", "A b: c\r\n", ": b\r\n", ":\r\n",
                                " : b\r\n", "A/B: c\r\n", "A(B): c\r\n", "\"A\": b\r\n", "A,B: c\r\n",
                                "\xc3\xa9: c\r\n", "A@b: c\r\n", "[A]: b\r\n", "A;: b\r\n", "A=b\r\n"})
        check_refused(fields);
    check_refused(string("A\0: b\r\n", 8));
    check_refused(string("\0\r\n", 3));
}

TEST_CASE("the sentence about a bad field names its place and nothing that stands in it")
{
    auto const seen = read_answer(ok("A: b\r\nSet-Cookie: secret\x01\r\n"));
    CHECK(seen.cause == "header field 2 has a control character, or CR or LF alone");
}

TEST_CASE("sizes: the status line, at its limit and beyond it")
{
    auto const answer = [](std::size_t size) {
        string line = "HTTP/1.1 200 ";
        line.resize(size, 'x');
        return line + "\r\nContent-Length: 0\r\n\r\n";
    };
    http_limits const limits = http_limits().status_line(40);
    CHECK(read_limited(answer(40), limits).done);
    CHECK(read_limited(answer(41), limits).fault == errc::status_line_too_long);
    CHECK(read_limited(answer(400).substr(0, 42), limits).fault == errc::status_line_too_long);
    CHECK(read_limited("HTTP/1.1 200 " + string(28, 'x') + "\nA", limits).fault ==
          errc::status_line_too_long);
    CHECK(read_limited("HTTP/1.1 200 " + string(27, 'x') + "\nA", limits).fault == errc::bad_status_line);
    CHECK(read_limited("HTTP/1.1 200 OK\r\n", http_limits().status_line(3)).fault ==
          errc::status_line_too_long);
    CHECK(read_limited("HTTX1", http_limits().status_line(3)).fault == errc::status_line_too_long);
    CHECK(read_limited("XTTP", http_limits().status_line(3)).fault == errc::bad_status_line);
    CHECK(read_answer(answer(8192)).done);
    CHECK(read_answer(answer(8193)).fault == errc::status_line_too_long);
}

TEST_CASE("sizes: one field, at its limit and beyond it")
{
    auto const field = [](std::size_t size) { return "A: " + string(size - 3, 'x') + "\r\n"; };
    string const last = "Content-Length: 0\r\n";
    http_limits const limits = http_limits().field(40);
    CHECK(read_limited(ok(field(40) + last), limits).done);
    CHECK(read_limited(ok(field(41) + last), limits).fault == errc::field_too_long);
    CHECK(read_limited("HTTP/1.1 200 OK\r\n" + string(41, 'x'), limits).fault == errc::field_too_long);
    CHECK_FALSE(read_limited("HTTP/1.1 200 OK\r\n" + string(40, 'x'), limits).failed);
    CHECK(read_answer(ok(field(16384) + last)).done);
    CHECK(read_answer(ok(field(16385) + last)).fault == errc::field_too_long);
}

TEST_CASE("sizes: all fields, at their limit and beyond it")
{
    auto const fields = [](std::size_t size) {
        string text = "Content-Length: 0\r\n";
        while (size - text.size() > 30)
            text += "A: " + string(10, 'x') + "\r\n";
        return text + "B: " + string(size - text.size() - 5, 'x') + "\r\n";
    };
    http_limits const limits = http_limits().fields(100);
    CHECK(read_limited(ok(fields(100)), limits).done);
    for (std::size_t size = 101; size != 104; ++size)
        CHECK(read_limited(ok(fields(size)), limits).fault == errc::fields_too_long);
    CHECK(read_limited("HTTP/1.1 200 OK\r\n" + string(102, 'x'), limits).fault == errc::fields_too_long);
    CHECK(read_limited("HTTP/1.1 200 OK\r\nA: b\r\n" + string(96, 'x'), limits).fault ==
          errc::fields_too_long);

    auto const wide = [](std::size_t size) {
        string text = "Content-Length: 0\r\n";
        for (int i = 0; i != 4; ++i)
            text += "A: " + string(15000, 'x') + "\r\n";
        return ok(text + "B: " + string(size - text.size() - 5, 'x') + "\r\n");
    };
    CHECK(read_answer(wide(65536)).done);
    CHECK(read_answer(wide(65537)).fault == errc::fields_too_long);
}

TEST_CASE("sizes: where one field and all fields both are exceeded, the first byte too many decides")
{
    for (std::size_t total = 30; total != 50; ++total) {
        CAPTURE(total);
        auto const seen =
            read_limited(ok("A: b\r\nB: " + string(60, 'x') + "\r\n"), http_limits().field(32).fields(total));
        CHECK(seen.fault == (total < 38 ? errc::fields_too_long : errc::field_too_long));
    }
}

TEST_CASE("sizes: the field count, at its limit and beyond it")
{
    auto const answer = [](int count) {
        string text = "Content-Length: 0\r\n";
        for (int i = 1; i != count; ++i)
            text += "A: b\r\n";
        return ok(text);
    };
    CHECK(read_limited(answer(5), http_limits().field_count(5)).done);
    CHECK(read_limited(answer(6), http_limits().field_count(5)).fault == errc::too_many_fields);
    CHECK(read_answer(answer(128)).fields.size() == 128);
    CHECK(read_answer(answer(129)).fault == errc::too_many_fields);
}

TEST_CASE("sizes: the body in each framing, at its limit and beyond it")
{
    http_limits const limits = http_limits().body(10);
    auto const body = [](std::size_t size) { return string(size, 'x'); };
    CHECK(read_limited(ok("Content-Length: 10\r\n", body(10)), limits).body == body(10));
    CHECK(read_limited(ok("Content-Length: 11\r\n", body(11)), limits).fault == errc::body_too_large);
    CHECK(read_limited(ok("Content-Length: 11\r\n"), limits).fault ==
          errc::body_too_large); // before any of it
    CHECK(read_limited(ok("Content-Length: 18446744073709551615\r\n"), limits).fault == errc::body_too_large);

    string const chunked = "Transfer-Encoding: chunked\r\n";
    CHECK(read_limited(ok(chunked, "7\r\n1234567\r\n3\r\n890\r\n0\r\n\r\n"), limits).body == "1234567890");
    CHECK(read_limited(ok(chunked, "7\r\n1234567\r\n4\r\n"), limits).fault == errc::body_too_large);
    CHECK(read_limited(ok(chunked, "b\r\n"), limits).fault == errc::body_too_large);

    test::reading closed;
    closed.limits = limits;
    closed.eof = true;
    CHECK(read_answer(ok("", body(10)), closed).body == body(10));
    CHECK(read_answer(ok("", body(11)), closed).fault == errc::body_too_large);
}

TEST_CASE("sizes: limits without a bound do not overflow")
{
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    http_limits const limits = http_limits()
                                   .status_line(most)
                                   .field(most)
                                   .fields(most)
                                   .field_count(most)
                                   .body(most)
                                   .interim(most)
                                   .chunk_extension(most);
    CHECK(read_limited(ok("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"), limits)
              .body == "hello");
    CHECK(read_limited(ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\nfffffffffffffffb\r\nA"), limits)
              .fault == errc::body_too_large);
}

TEST_CASE("the limits' defaults are as documented, and each setter sets its own")
{
    http_limits const limits;
    CHECK(limits.status_line() == 8 * 1024);
    CHECK(limits.field() == 16 * 1024);
    CHECK(limits.fields() == 64 * 1024);
    CHECK(limits.field_count() == 128);
    CHECK(limits.body() == 16 * 1024 * 1024);
    CHECK(limits.interim() == 8);
    CHECK(limits.chunk_extension() == 1024);
    http_limits changed = http_limits().status_line(1).field(2).fields(3);
    changed.field_count(4).body(5).interim(6).chunk_extension(7);
    CHECK(changed.status_line() == 1);
    CHECK(changed.field() == 2);
    CHECK(changed.fields() == 3);
    CHECK(changed.field_count() == 4);
    CHECK(changed.body() == 5);
    CHECK(changed.interim() == 6);
    CHECK(changed.chunk_extension() == 7);
}
