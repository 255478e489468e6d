// response_parser: the answer to CONNECT (RFC 9110 §9.3.6). Each answer is read whole, cut at every byte, and
// byte by byte (support/split.hpp).
#include "support/http/answer.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace {

using hdikafka::errc;
using hdikafka::http_limits;
using hdikafka::detail::response_parser;
using std::string;
using test::pieces;

/// What becomes of an answer to CONNECT.
class outcome
{
public:
    bool tunnel = false;
    bool failed = false;
    bool keep_alive = false;
    errc fault = {};
    int status = 0;
    string body;

    bool operator==(outcome const&) const = default;
};

outcome read_pieces(pieces const& input, std::size_t size, http_limits const& limits, bool eof)
{
    response_parser parser(limits);
    parser.expect_tunnel();
    auto const taken = test::feed(parser, input);
    if (eof)
        parser.finish_eof();
    outcome seen;
    seen.tunnel = parser.is_tunnel();
    seen.failed = parser.failed();
    seen.keep_alive = parser.keep_alive();
    seen.fault = parser.fault();
    seen.status = parser.status();
    CHECK_FALSE((seen.tunnel && (seen.failed || seen.keep_alive)));
    CHECK(seen.failed != parser.cause().empty());
    if (parser.done()) {
        CHECK(taken == size);
        auto const response = parser.take();
        CHECK(response.status == seen.status);
        seen.body = response.body_text();
    }
    return seen;
}

outcome answered(string const& bytes, http_limits const& limits = {}, bool eof = false)
{
    CAPTURE(bytes);
    return test::same_for_every_split(
        bytes, [&](pieces const& input) { return read_pieces(input, bytes.size(), limits, eof); });
}

} // namespace

TEST_CASE("any 2xx to CONNECT opens the tunnel, and no field changes that")
{
    for (string const line : {"HTTP/1.1 200 Connection established", "HTTP/1.0 200 OK", "HTTP/1.1 200",
                              "HTTP/1.1 201 ", "HTTP/1.1 204 No Content", "HTTP/1.1 205 ", "HTTP/1.1 299 "}) {
        for (string const fields :
             {"", "Content-Length: 0\r\n", "Content-Length: 5\r\n", "Content-Length: 99999999999\r\n",
              "Content-Length: x\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
              "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
              "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n",
              "Connection: close\r\nProxy-Connection: close\r\n", "Via: 1.1 proxy\r\n"}) {
            auto const seen = answered(string(line).append("\r\n").append(fields).append("\r\n"));
            INFO(line << " " << fields);
            CHECK(seen.tunnel);
            CHECK_FALSE(seen.keep_alive);
            CHECK(seen.status / 100 == 2);
            CHECK(seen.body.empty());
        }
    }
}

TEST_CASE("1xx before the tunnel is dropped; 101 is no tunnel")
{
    CHECK(answered("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\n\r\n").tunnel);
    CHECK_FALSE(answered("HTTP/1.1 100 Continue\r\n\r\n").tunnel);
    CHECK(answered("HTTP/1.1 101 \r\nUpgrade: x\r\n\r\n").fault == errc::unexpected_upgrade);
}

TEST_CASE("every other answer to CONNECT has its body as usual, and no tunnel")
{
    class row
    {
    public:
        string bytes;
        int status;
        string body;
        bool keep_alive;
    };
    for (row const& each :
         {row{"HTTP/1.1 407 \r\nProxy-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nhello", 407, "hello",
              true},
          row{"HTTP/1.1 407 \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 407, "hello",
              true},
          row{"HTTP/1.1 407 \r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 407, "hello", false},
          row{"HTTP/1.0 403 \r\nContent-Length: 5\r\n\r\nhello", 403, "hello", false},
          row{"HTTP/1.1 300 \r\nContent-Length: 2\r\n\r\nhi", 300, "hi", true},
          row{"HTTP/1.1 302 \r\nLocation: https://elsewhere/\r\nContent-Length: 2\r\n\r\nhi", 302, "hi",
              true},
          row{"HTTP/1.1 304 \r\nContent-Length: 2\r\n\r\n", 304, "", true},
          row{"HTTP/1.1 502 \r\nContent-Length: 0\r\n\r\n", 502, "", true}}) {
        INFO(each.bytes);
        auto const seen = answered(each.bytes);
        CHECK_FALSE(seen.tunnel);
        CHECK_FALSE(seen.failed);
        CHECK(seen.status == each.status);
        CHECK(seen.body == each.body);
        CHECK(seen.keep_alive == each.keep_alive);
    }
    auto const until_close = answered("HTTP/1.1 503 \r\n\r\nhello", http_limits(), true);
    CHECK(until_close.body == "hello");
    CHECK_FALSE(until_close.tunnel);
    CHECK_FALSE(until_close.keep_alive);
    CHECK(answered("HTTP/1.1 407 \r\nContent-Length: x\r\n\r\n").fault == errc::bad_content_length);
    CHECK(answered("HTTP/1.1 302 \r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n").fault ==
          errc::unsupported_coding);
    CHECK(answered("HTTP/1.1 407 \r\nContent-Length: 9\r\n\r\nhello", http_limits().body(8)).fault ==
          errc::body_too_large);
}

TEST_CASE("an answer to CONNECT that is malformed or cut short opens nothing")
{
    string const whole = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";
    for (std::size_t size = 0; size != whole.size(); ++size) {
        INFO(whole.substr(0, size));
        CHECK_FALSE(answered(whole.substr(0, size)).tunnel);
        CHECK(answered(whole.substr(0, size), http_limits(), true).fault == errc::connection_lost);
    }
    CHECK(answered(whole, http_limits(), true).tunnel);
    CHECK(answered("HTTP/1.1 200 \r\nVia : x\r\n\r\n").fault == errc::bad_field);
    CHECK(answered("HTTP/1.1 200\n\n").fault == errc::bad_status_line);
    CHECK(answered("\x15\x03\x01", http_limits()).fault == errc::bad_status_line);
    CHECK(answered(whole, http_limits().field(13)).fault == errc::field_too_long);
}

TEST_CASE("bytes that come together with the head of a 2xx are a fault, those that come later are not read")
{
    string const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for (string const& behind : {string("\x16"), string("hello"), string("\r\n"), string("\0", 1),
                                 string("HTTP/1.1 200 OK\r\n\r\n"), string(2000, 'x')}) {
        for (std::size_t cut = 0; cut <= head.size(); ++cut) {
            INFO("'" << behind << "', cut at " << cut);
            response_parser parser{http_limits()};
            parser.expect_tunnel();
            string const bytes = head + behind;
            std::string_view const all(bytes);
            auto const taken = test::feed(parser, {all.substr(0, cut), all.substr(cut)});
            CHECK(taken >= head.size());
            CHECK(parser.header_done());
            CHECK(parser.status() == 200);
            CHECK_FALSE(parser.keep_alive());
            CHECK(parser.is_tunnel() == (cut == head.size()));
            CHECK(parser.done() == (cut == head.size()));
            if (cut == head.size()) {
                CHECK(taken == head.size());
            } else {
                CHECK(parser.failed());
                CHECK(parser.fault() == errc::unexpected_bytes);
                CHECK(parser.cause() == "bytes came behind the HTTP proxy's answer to CONNECT");
            }
        }
    }
}

TEST_CASE("an answer to another request opens no tunnel")
{
    response_parser parser{http_limits()};
    test::feed(parser, {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    CHECK(parser.done());
    CHECK(parser.keep_alive());
    CHECK_FALSE(parser.is_tunnel());
}
