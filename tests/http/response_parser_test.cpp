// response_parser: status line, framing fields, and what becomes of the connection. Each answer is read
// whole, cut at every byte, and byte by byte (support/split.hpp).
#include "support/http/answer.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace {

using hdikafka::errc;
using hdikafka::http_limits;
using std::string;
using test::check_refused;
using test::read_answer;
using test::read_limited;
using test::read_to_eof;

string ok(string const& fields, string const& rest = "")
{
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest;
}

string chunked(string const& rest) { return ok("Transfer-Encoding: chunked\r\n", rest); }

} // namespace

TEST_CASE("an answer with Content-Length is read, and the connection lives on")
{
    auto const seen = read_answer(ok("Content-Length: 5\r\nNextOffset: 17\r\n", "hello"));
    CHECK(seen.done);
    CHECK(seen.status == 200);
    CHECK(seen.body == "hello");
    CHECK(seen.keep_alive);
    CHECK(seen.header_done);
    REQUIRE(seen.fields.size() == 2);
    CHECK(seen.fields[0] == std::pair<string, string>("Content-Length", "5"));
    CHECK(seen.fields[1] == std::pair<string, string>("NextOffset", "17"));

    auto const empty = read_answer(ok("Content-Length: 0\r\n"));
    CHECK(empty.done);
    CHECK(empty.body.empty());
    CHECK(empty.keep_alive);
}

TEST_CASE("status line: every form that servers send is understood")
{
    for (string const line :
         {"HTTP/1.1 404 Not Found", "HTTP/1.1 404 ", "HTTP/1.1 404", "HTTP/1.1 404 a\tb  c",
          "HTTP/1.1 404 Pas trouv\xc3\xa9", "HTTP/1.9 404 Not Found"}) {
        CAPTURE(line);
        auto const seen = read_answer(line + "\r\nContent-Length: 0\r\n\r\n");
        CHECK(seen.done);
        CHECK(seen.status == 404);
        CHECK(seen.keep_alive);
    }
    CHECK(read_answer("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n").status == 599);
    CHECK(read_answer("HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n").status == 999);
}

TEST_CASE("status line: everything else is an error")
{
    for (string const line :
         {"HTTP/2.0 200 OK",  "HTTP/2 200",        "HTTP/1 200 OK",     "HTTP/0.9 200 OK",
          "HTTP/1.10 200 OK", "HTTP/1. 200 OK",    "HTTP/1.x 200 OK",   "http/1.1 200 OK",
          "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",  "HTTP/1.1 20 OK",    "HTTP/1.1 2000 OK",
          "HTTP/1.1 20",      "HTTP/1.1 2x0 OK",   "HTTP/1.1 +20 OK",   "HTTP/1.1 099 OK",
          "HTTP/1.1 000 OK",  "HTTP/1.1 200\tOK",  "HTTP/1.1 200OK",    "HTTP/1.1 200-OK",
          "HTTP/1.1 ",        "HTTP/1.1",          " HTTP/1.1 200 OK",  "",
          "<html>",           "HTTP/1.1 200 O\rK", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 \x7f",
          "HTTP/1.1 200 \x01"})
        check_refused(line + "\r\nContent-Length: 0\r\n\r\n", errc::bad_status_line);
    check_refused(string("HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n", 38), errc::bad_status_line);
    check_refused("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", errc::bad_status_line);
}

TEST_CASE("another protocol is told by its first bytes, which may have no line end")
{
    check_refused("SSH", errc::bad_status_line);
    check_refused(string("\0\0\x12\x04\0\0\0\0\0", 9), errc::bad_status_line); // HTTP/2 SETTINGS
    check_refused("\x15\x03\x03", errc::bad_status_line);                      // a TLS alert
    CHECK_FALSE(read_answer("HTTP/1").failed);
}

TEST_CASE("Content-Length and Transfer-Encoding together: error, close")
{
    for (string const& fields : {string("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                                 string("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
                                 string("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"),
                                 string("Content-Length: x\r\nTransfer-Encoding: chunked\r\n"),
                                 string("Content-Length:\r\nTransfer-Encoding:\r\n")})
        check_refused(ok(fields, "0\r\n\r\n"), errc::ambiguous_framing);
}

TEST_CASE("duplicate, signed, spaced, overflowing Content-Length: error, close")
{
    for (string const value :
         {"", "+5", "-5", "5 5", "0x5", "5.", "5e0", "5;", "five", "5,", ",5", "5,,5", "5, 6", "5, x", "5 6",
          "\"5\"", "18446744073709551616", "99999999999999999999999", "18446744073709551621"})
        check_refused(ok("Content-Length: " + value + "\r\n", "hello"), errc::bad_content_length);
    check_refused(ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), errc::bad_content_length);
    check_refused(ok("Content-Length: 5\r\nA: b\r\ncontent-length: 4\r\n", "hello"),
                  errc::bad_content_length);
    check_refused(ok("Content-Length: 5\r\nContent-Length:\r\n", "hello"), errc::bad_content_length);
}

TEST_CASE("identical Content-Lengths, blanks around them and leading zeros pass")
{
    for (string const fields :
         {"Content-Length: 5, 5\r\n", "Content-Length: 5,5 ,\t5\r\n",
          "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length:5\r\n", "Content-Length: \t 5 \t\r\n",
          "CONTENT-LENGTH: 5\r\n", "Content-Length: 0005\r\n", "Content-Length: 05, 5\r\n",
          "Content-Length: 000000000000000000000000000000000000000000005\r\n"}) {
        CAPTURE(fields);
        auto const seen = read_answer(ok(fields, "hello"));
        CHECK(seen.body == "hello");
        CHECK(seen.keep_alive);
    }
}

TEST_CASE("Transfer-Encoding other than a final chunked: error")
{
    for (string const value :
         {"", "gzip", "identity", "gzip, chunked", "chunked, chunked", "chunked, gzip", "chunked,",
          ", chunked", "chunked;q=1", "chunke", "chunkedd", "xchunked", "\"chunked\"", "chunked chunked",
          "\x0b" // NOLINT(bugprone-suspicious-missing-comma): here the escape ends, not the text
          "chunked"}) {
        auto const expected = value.starts_with('\x0b') ? errc::bad_field : errc::bad_transfer_encoding;
        check_refused(ok("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n"), expected);
    }
    check_refused(ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                  errc::bad_transfer_encoding);
    check_refused(ok("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                  errc::bad_transfer_encoding);
    check_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  errc::bad_transfer_encoding);
}

TEST_CASE("1xx: discarded, with their fields, up to a bound")
{
    string const interim =
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\nConnection: close\r\n\r\n";
    string const go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    auto const seen = read_answer(go_on + interim + ok("Content-Length: 5\r\n", "hello"));
    CHECK(seen.status == 200);
    CHECK(seen.body == "hello");
    CHECK(seen.keep_alive);
    CHECK(seen.fields.size() == 1);

    auto const only = read_answer(go_on);
    CHECK(only.started);
    CHECK_FALSE(only.header_done);
    CHECK_FALSE(only.done);

    http_limits const two = http_limits().interim(2);
    CHECK(read_limited(go_on + go_on + ok("Content-Length: 0\r\n"), two).done);
    CHECK(read_limited(go_on + go_on + go_on + ok("Content-Length: 0\r\n"), two).fault ==
          errc::too_many_interim);
    CHECK(read_limited(go_on, http_limits().interim(0)).fault == errc::too_many_interim);
    CHECK(read_answer(go_on + "SMTP").fault == errc::bad_status_line);
}

TEST_CASE("1xx: the limits of a header hold for each one alone")
{
    http_limits const limits = http_limits().fields(30).field_count(1);
    string const interim = "HTTP/1.1 102 \r\nA: " + string(25, 'a') + "\r\n\r\n";
    CHECK(read_limited(interim + interim + ok("Content-Length: 0\r\n"), limits).done);
}

TEST_CASE("1xx: 101 unasked for is an error")
{
    check_refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", errc::unexpected_upgrade);
    check_refused("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 \r\n", errc::unexpected_upgrade);
}

TEST_CASE("Connection: close and HTTP/1.0 are never reused, and close wins over keep-alive")
{
    auto const alive = [](string const& first_line, string const& fields) {
        auto const seen = read_answer(first_line + "\r\nContent-Length: 2\r\n" + fields + "\r\nhi");
        CHECK(seen.body == "hi");
        return seen.keep_alive;
    };
    string const v11 = "HTTP/1.1 200 OK";
    string const v10 = "HTTP/1.0 200 OK";
    CHECK(alive(v11, ""));
    CHECK(alive(v11, "Connection: keep-alive\r\n"));
    CHECK(alive(v11, "Connection: closed, x-close, not close\r\n"));
    CHECK(alive(v11, "Connection:\r\n"));
    for (string const value :
         {"close", "Close", "CLOSE", "keep-alive, close", "close, keep-alive", "a,close,b", ",close",
          "keep-alive\r\nConnection: close", "close\r\nConnection: keep-alive", "\tclose ,"}) {
        CAPTURE(value);
        CHECK_FALSE(alive(v11, "Connection: " + value + "\r\n"));
    }
    CHECK_FALSE(alive(v10, ""));
    CHECK_FALSE(alive(v10, "Connection: keep-alive\r\n"));
}

TEST_CASE("Keep-Alive: timeout=n says when to retire the connection")
{
    using std::chrono::seconds;
    auto const timeout = [](string const& field) {
        return read_answer(ok("Content-Length: 0\r\n" + field)).timeout;
    };
    CHECK(timeout("Keep-Alive: timeout=5\r\n") == seconds(5));
    CHECK(timeout("keep-alive: max=100, TIMEOUT=75\r\n") == seconds(75));
    CHECK(timeout("Keep-Alive: timeout=0\r\n") == seconds(0));
    CHECK(timeout("Keep-Alive: timeout=9999999999999\r\n") == seconds(86400));
    for (string const field : {"", "Keep-Alive:\r\n", "Keep-Alive: max=5\r\n", "Keep-Alive: timeout=\r\n",
                               "Keep-Alive: timeout\r\n", "Keep-Alive: timeout=-1\r\n",
                               "Keep-Alive: timeout=x\r\n", "Keep-Alive: xtimeout=5\r\n"}) {
        CAPTURE(field);
        CHECK(timeout(field) == std::nullopt);
    }
}

TEST_CASE("bytes behind an answer: it stays valid and the connection is not reused")
{
    for (string const& whole : {ok("Content-Length: 5\r\n", "hello"), chunked("5\r\nhello\r\n0\r\n\r\n"),
                                ok("Content-Length: 0\r\n"), string("HTTP/1.1 204 No Content\r\n\r\n")}) {
        CAPTURE(whole);
        CHECK(read_answer(whole).keep_alive);
        for (string const& behind :
             {string("x"), string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), string(9000, '\n')}) {
            auto const seen = read_answer(whole + behind);
            CHECK(seen.done);
            CHECK(seen.body == read_answer(whole).body);
            CHECK_FALSE(seen.keep_alive);
        }
    }
}

TEST_CASE("a peer that speaks TLS is told from one that speaks anything else")
{
    for (string const& first : {string("\x15\x03\x01\0\x02\x02\x28", 7), string("\x16\x03\x03\0\x7a", 5)}) {
        auto const seen = read_answer(first);
        CHECK(seen.fault == errc::bad_status_line);
        CHECK(seen.cause.find("speak TLS") != string::npos);
    }
    for (string const& first : {string("\x17\x03\x03\0\x7a", 5), string("SSH-2.0-x\r\n")}) {
        auto const seen = read_answer(first);
        CHECK(seen.fault == errc::bad_status_line);
        CHECK(seen.cause.find("TLS") == string::npos);
    }
}

TEST_CASE("redirects: an answer like any other to the parser, with its target")
{
    auto const seen = read_answer(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n");
    CHECK(seen.done);
    CHECK(seen.status == 307);
    CHECK(seen.fields[0].second == "https://elsewhere/");
}

TEST_CASE("content codings: any coding in the answer is an error, which names it")
{
    std::array<std::pair<string, string>, 10> const rows{{{"gzip", "gzip"},
                                                          {"br", "br"},
                                                          {"deflate", "deflate"},
                                                          {"zstd", "zstd"},
                                                          {"GZIP", "gzip"},
                                                          {"identity, gzip", "gzip"},
                                                          {"gzip, identity", "gzip"},
                                                          {"utf-8, br", "br"},
                                                          {"a-secret", "unknown"},
                                                          {"identity\r\nContent-Encoding: gzip", "gzip"}}};
    for (auto const& [value, named] : rows) {
        CAPTURE(value);
        auto const seen =
            read_answer(ok("Content-Encoding: " + value + "\r\nContent-Length: 5\r\n", "hello"));
        CHECK(seen.failed);
        CHECK(seen.fault == errc::unsupported_coding);
        CHECK(seen.cause == "the answer has the content coding " + named + ", although none was accepted");
        CHECK(seen.status == 200);
    }
    for (string const value : {"identity", "Identity", "", "identity, identity", "utf-8", "UTF-8"}) {
        CAPTURE(value);
        CHECK(read_answer(ok("Content-Encoding: " + value + "\r\nContent-Length: 5\r\n", "hello")).body ==
              "hello");
    }
}

TEST_CASE("an answer of random bytes gives the same outcome however it is cut, and never reads too far")
{
    std::mt19937 random(7);
    std::array<string, 22> const parts{"HTTP/1.1 ",
                                       "200 OK",
                                       "204 ",
                                       "100 Continue",
                                       "\r\n",
                                       "\r\n\r\n",
                                       "\r",
                                       "\n",
                                       ":",
                                       " ",
                                       "Content-Length: 3",
                                       "Content-Length",
                                       "Transfer-Encoding: chunked",
                                       "chunked",
                                       "3\r\n",
                                       "abc",
                                       "0\r\n\r\n",
                                       "0",
                                       ";a=b",
                                       "Connection: close",
                                       ", ",
                                       "HTTP/1.1 200 OK\r\n"};
    std::array<int, 3> outcomes{};
    for (int round = 0; round != 4000; ++round) {
        string bytes = round % 4 == 0 ? "" : "HTTP/1.1 200 OK\r\n";
        for (auto n = random() % 12; n != 0; --n)
            bytes += parts[random() % parts.size()];
        if (!bytes.empty() && random() % 4 == 0)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        auto const seen = random() % 2 == 0 ? read_answer(bytes) : read_to_eof(bytes);
        ++outcomes[seen.done ? 0 : seen.failed ? 1 : 2];
    }
    for (int const count : outcomes)
        CHECK(count > 50); // each kind of outcome was met
}
