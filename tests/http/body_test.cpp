// response_parser: where a body ends, and the memory it is read to. Each answer is read whole, cut at every
// byte, and byte by byte (support/split.hpp).
#include "support/http/answer.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace {

using hdikafka::errc;
using hdikafka::http_limits;
using hdikafka::detail::response_parser;
using std::string;
using test::read_answer;
using test::read_to_eof;

string ok(string const& fields, string const& rest = "")
{
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest;
}

string chunked(string const& rest) { return ok("Transfer-Encoding: chunked\r\n", rest); }

} // namespace

TEST_CASE("HEAD, 204, 304: no body, whatever the fields say")
{
    test::reading head;
    head.head_request = true;
    for (string const fields :
         {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "", "Content-Length: 0\r\n",
          "Content-Encoding: gzip\r\n", "Content-Length: 99999999999\r\n"}) {
        CAPTURE(fields);
        auto const seen = read_answer(ok(fields), head);
        CHECK(seen.done);
        CHECK(seen.keep_alive);
        CHECK(seen.body.empty());
        CHECK(read_answer("HTTP/1.1 304 Not Modified\r\n" + fields + "\r\n").keep_alive);
        CHECK(read_answer("HTTP/1.1 204 No Content\r\n" + fields + "\r\n").done);
    }
    CHECK(read_answer("HTTP/1.1 204 No Content\r\n\r\n").keep_alive);
    CHECK(read_answer("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").keep_alive);
    CHECK_FALSE(read_answer(ok("Content-Length: 5\r\n"), head).failed);
    CHECK(read_answer("HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nhi").body == "hi");
}

TEST_CASE("a 204 that announces a body, or contradictory fields, closes the connection")
{
    for (string const fields :
         {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: x\r\n",
          "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"}) {
        CAPTURE(fields);
        auto const seen = read_answer("HTTP/1.1 204 No Content\r\n" + fields + "\r\n");
        CHECK(seen.done);
        CHECK_FALSE(seen.keep_alive);
    }
    test::reading head;
    head.head_request = true;
    CHECK_FALSE(read_answer(ok("Content-Length: 5\r\nContent-Length: 6\r\n"), head).keep_alive);
}

TEST_CASE("body delimited by close: complete only after a clean close")
{
    for (string const& bytes : {ok("", "hello"), string("HTTP/1.0 200 OK\r\n\r\nhello"),
                                ok("Connection: keep-alive\r\n", "hello")}) {
        CAPTURE(bytes);
        auto const open = read_answer(bytes);
        CHECK_FALSE(open.done);
        CHECK_FALSE(open.failed);
        CHECK(open.header_done);
        auto const closed = read_to_eof(bytes);
        CHECK(closed.done);
        CHECK(closed.body == "hello");
        CHECK_FALSE(closed.keep_alive);
    }
    CHECK(read_to_eof(ok("")).done);
}

TEST_CASE("short body, missing last chunk: error, never a shorter answer")
{
    for (string const& whole : {ok("Content-Length: 5\r\n", "hello"), chunked("5\r\nhello\r\n0\r\n\r\n"),
                                chunked("1;a=\"b\"\r\nh\r\n0\r\nA: b\r\n\r\n"),
                                string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")}) {
        for (std::size_t size = 0; size != whole.size(); ++size) {
            CAPTURE(whole.substr(0, size));
            auto const seen = read_to_eof(whole.substr(0, size));
            CHECK(seen.failed);
            CHECK(seen.fault == errc::connection_lost);
            CHECK_FALSE(seen.done);
            CHECK_FALSE(seen.keep_alive);
            CHECK(seen.started == (size != 0));
        }
        CHECK(read_to_eof(whole).done);
    }
    CHECK(read_to_eof(ok("Content-Length: 5\r\n", "hel")).cause ==
          "the connection ended after 3 of the 5 bytes of the body");
}

TEST_CASE("EOF without close_notify is not told to the parser: without it no answer ends early")
{
    CHECK_FALSE(read_answer(ok("", "hello")).done);
    CHECK_FALSE(read_answer(ok("Content-Length: 5\r\n", "hell")).done);
    CHECK_FALSE(read_answer(chunked("5\r\nhello\r\n0\r\n")).done);
}

TEST_CASE("a body with Content-Length is read straight into the answer's memory, and not a byte further")
{
    response_parser parser{http_limits()};
    string const head = ok("Content-Length: 100000\r\n");
    test::feed(parser, {head});
    auto const room = parser.prepare();
    CHECK(room.size() == 100000);
    std::memset(room.data(), 'x', 99999);
    parser.commit(99999);
    CHECK(parser.prepare().size() == 1);
    test::feed(parser, {"xHTTP/1.1 200"});
    REQUIRE(parser.done());
    auto const response = parser.take();
    CHECK(response.body.data() == room.data());
    CHECK((response.body_text() == string(100000, 'x')));
}

TEST_CASE("a large Content-Length alone costs no more than 1 MiB of memory")
{
    response_parser parser{http_limits()};
    string const head = ok("Content-Length: 16777216\r\n");
    test::feed(parser, {head});
    std::size_t received = 0;
    while (!parser.done()) {
        auto const room = parser.prepare();
        CHECK(room.size() <= std::max<std::size_t>(received, 1 << 20));
        REQUIRE_FALSE(room.empty());
        std::memset(room.data(), 'x', room.size());
        parser.commit(room.size());
        received += room.size();
    }
    CHECK(received == 16777216);
    CHECK((parser.take().body_text() == string(received, 'x')));
}

TEST_CASE("a large chunk size alone costs no more than 1 MiB of memory")
{
    response_parser parser{http_limits()};
    string const head = ok("Transfer-Encoding: chunked\r\n", "1000000\r\n");
    test::feed(parser, {head});
    std::size_t received = 0;
    while (received < (3 << 20)) {
        auto const room = parser.prepare();
        CHECK(room.size() <= (1 << 20) + 64);
        REQUIRE_FALSE(room.empty());
        std::memset(room.data(), 'x', room.size());
        parser.commit(room.size());
        received += room.size();
    }
    CHECK_FALSE(parser.failed());
}
