// response_parser: chunked bodies and trailers. Each answer is read whole, cut at every byte, and byte by
// byte (support/split.hpp).
#include "support/http/answer.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

namespace {

using hdikafka::errc;
using hdikafka::http_limits;
using std::string;
using test::check_refused;
using test::read_answer;
using test::read_limited;

string chunked(string const& rest) { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest; }

} // namespace

TEST_CASE("chunk size: hexadecimal in both cases, and the chunks are joined")
{
    auto const seen = read_answer(
        chunked("5\r\nhello\r\n00000000000000000001\r\n,\r\nA\r\n0123456789\r\na\r\nabcdefghij\r\n"
                "0\r\n\r\n"));
    CHECK(seen.done);
    CHECK(seen.body == "hello,0123456789abcdefghij");
    CHECK(seen.keep_alive);

    auto const shout =
        read_answer("HTTP/1.1 200 OK\r\ntransfer-encoding: \tCHUNKED \r\n\r\n1\r\n\n\r\n000\r\n\r\n");
    CHECK(shout.body == "\n");
    CHECK(read_answer(chunked("0\r\n\r\n")).done);
}

TEST_CASE("chunk size: anything that is not 1*HEXDIG is an error")
{
    for (string const size : {"", " ", " 5", "\t5", "+5", "-5", "0x5", "g", "5g", "5,5", "5\r", "5 \r", "5\v",
                              "\n5", "5 5", "5 x", "5 ;", "5 \x01", "5\xc2\xa0"})
        check_refused(chunked(size + "\r\nhello\r\n0\r\n\r\n"), errc::bad_chunk);
    check_refused(chunked("5\nhello\r\n0\r\n\r\n"), errc::bad_chunk);
}

TEST_CASE("chunk size: blanks may follow it, as appliances pad it, within the bound of extensions")
{
    for (string const padding : {" ", "\t", "   ", " \t ", "       "}) {
        CAPTURE(padding);
        auto const seen =
            read_answer(chunked("5" + padding + "\r\nhello\r\n0" + padding + "\r\nX: y\r\n\r\n"));
        CHECK(seen.done);
        CHECK(seen.body == "hello");
        CHECK(seen.keep_alive);
    }
    http_limits const limits = http_limits().chunk_extension(8);
    CHECK(read_limited(chunked("0" + string(8, ' ') + "\r\n\r\n"), limits).done);
    CHECK(read_limited(chunked("0" + string(9, ' ') + "\r\n\r\n"), limits).fault == errc::bad_chunk);
}

TEST_CASE("chunk size: overflow is checked")
{
    check_refused(chunked("10000000000000005\r\nhello"), errc::bad_chunk);
    check_refused(chunked("fffffffffffffffff\r\nhello"), errc::bad_chunk);
    check_refused(chunked("ffffffffffffffff\r\nhello"), errc::body_too_large);
    check_refused(chunked("7fffffffffffffff\r\nhello"), errc::body_too_large);
    check_refused(chunked("5\r\nhello\r\nfffffffffffffffb\r\nhello"), errc::body_too_large);
}

TEST_CASE("chunk size: extensions are ignored")
{
    for (string const extension : {";a", ";a=b", "; a = b", " ;\ta", ";a=\"\"", ";a=\"x;y=\\\"z\\\\\"",
                                   ";a;b=c;d=\"e\"", ";a=\"\xc3\xa9\t \""}) {
        CAPTURE(extension);
        auto const seen = read_answer(chunked("5" + extension + "\r\nhello\r\n0" + extension + "\r\n\r\n"));
        CHECK(seen.body == "hello");
        CHECK(seen.keep_alive);
    }
}

TEST_CASE("chunk size: what is no extension is an error")
{
    for (string const extension :
         {";", "; ", ";=b", ";a=", ";a=\"", ";a=\"b", ";a=\"b\\\"", ";a=b c", ";a b", ";a=\"b\"c", ";a=b ",
          ";a ", ";a,b", ";a\r=b", ";a=\"\r\"", ";a=\"\n\"", "a=b;", ";\x7f", ";a=\"\x01\""}) {
        CAPTURE(extension);
        check_refused(chunked("5" + extension + "\r\nhello\r\n0\r\n\r\n"), errc::bad_chunk);
    }
    check_refused(chunked(string("5;a=\"\0\"\r\nhello\r\n0\r\n\r\n", 21)), errc::bad_chunk);
}

TEST_CASE("chunk size: extensions are bounded, one by one and against the data")
{
    http_limits const limits = http_limits().chunk_extension(20).fields(100);
    auto const extension = [](std::size_t size) { return ";" + string(size - 1, 'x'); };
    auto const chunk = [&](std::size_t size) { return "1" + extension(size) + "\r\n.\r\n"; };
    CHECK(read_limited(chunked(chunk(20) + "0\r\n\r\n"), limits).done);
    CHECK(read_limited(chunked(chunk(21) + "0\r\n\r\n"), limits).fault == errc::bad_chunk);
    CHECK(read_limited(chunked("1;" + string(100, 'x')), limits).fault == errc::bad_chunk);
    CHECK(read_limited(chunked("1;a=\"" + string(100, 'x')), limits).fault == errc::bad_chunk);
    CHECK(read_limited(chunked(string(100, '0')), limits).fault == errc::bad_chunk);

    string few;
    for (int i = 0; i != 5; ++i)
        few += chunk(20);
    CHECK(read_limited(chunked(few + "0\r\n\r\n"), limits).done);
    CHECK(read_limited(chunked(few + chunk(20) + "0\r\n\r\n"), limits).fault == errc::bad_chunk);
    CHECK(read_limited(chunked("14\r\n" + string(20, '.') + "\r\n" + few + chunk(20) + "0\r\n\r\n"), limits)
              .done);
}

TEST_CASE("chunk size: the bounds of extensions are exact to the byte")
{
    http_limits const limits = http_limits().chunk_extension(20).fields(30);
    auto const line = [](std::size_t zeros, std::size_t extension) {
        return string(zeros, '0') + "1" + (extension == 0 ? "" : ";" + string(extension - 1, 'x'));
    };
    auto const read = [&](std::initializer_list<string> lines) {
        string text;
        for (string const& one : lines)
            text += one + "\r\n.\r\n";
        return read_limited(chunked(text + "0\r\n\r\n"), limits);
    };
    // A size has 16 digits; zeros before them take the extension's place.
    CHECK(read({line(15, 20)}).done);
    CHECK(read({line(16, 20)}).fault == errc::bad_chunk);
    CHECK(read({line(35, 0)}).done);
    CHECK(read({line(36, 0)}).fault == errc::bad_chunk);
    // All of them together: as much as the data before, and as the header may have.
    CHECK(read({line(0, 20), line(0, 11)}).done);
    CHECK(read({line(0, 20), line(0, 12)}).fault == errc::bad_chunk);
    CHECK(read({line(0, 10), line(0, 10), line(0, 12)}).done);
    CHECK(read({line(0, 10), line(0, 10), line(0, 13)}).fault == errc::bad_chunk);
}

TEST_CASE("chunk data: exactly CRLF after it")
{
    for (string const behind : {"\n", "\r\r\n", "x\r\n", "\rx", " \r\n", "0\r\n"})
        check_refused(chunked("5\r\nhello" + behind + "0\r\n\r\n"), errc::bad_chunk);
    check_refused(chunked("5\r\nhello!\r\n0\r\n\r\n"), errc::bad_chunk);
    check_refused(chunked("6\r\nhello\r\n0\r\n\r\n"), errc::bad_chunk);
}

TEST_CASE("trailers: consumed, never used for framing or as fields")
{
    auto const seen = read_answer(chunked("5\r\nhello\r\n0\r\nContent-Length: 99\r\nConnection: close\r\n"
                                          "Transfer-Encoding: gzip\r\nNextOffset: 9\r\n\r\n"));
    CHECK(seen.done);
    CHECK(seen.body == "hello");
    CHECK(seen.keep_alive);
    CHECK(seen.fields.size() == 1);
    CHECK_FALSE(read_answer(chunked("0\r\nA: b\r\n")).done);
}

TEST_CASE("trailers: as strict and as bounded as header fields")
{
    check_refused(chunked("0\r\n A: b\r\n\r\n"), errc::bad_field);
    check_refused(chunked("0\r\nA : b\r\n\r\n"), errc::bad_field);
    check_refused(chunked("0\r\nA: b\n\r\n"), errc::bad_field);
    check_refused(chunked("0\r\nA: b\r\n\n"), errc::bad_field);
    http_limits const limits = http_limits().field(30).fields(70).field_count(2);
    CHECK(read_limited(chunked("0\r\nA: b\r\nC: d\r\n\r\n"), limits).done);
    CHECK(read_limited(chunked("0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n"), limits).fault == errc::too_many_fields);
    CHECK(read_limited(chunked("0\r\nA: " + string(29, 'b')), limits).fault == errc::field_too_long);
    CHECK(read_limited(chunked("0\r\nA: " + string(27, 'b') + "\r\nC: " + string(27, 'd') + "\r\n\r\n"),
                       http_limits(limits).fields(60))
              .fault == errc::fields_too_long);
}

TEST_CASE("any body, in chunks of any size and pieces of any size, comes out as it went in")
{
    std::mt19937 random(20);
    auto const below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::array<std::size_t, 5> const scales{2, 20, 300, 9000, 70000};
    for (int round = 0; round != 150; ++round) {
        string body(below(200000), '.');
        for (char& c : body)
            c = static_cast<char>(random());
        string bytes = chunked("");
        auto const scale = scales[below(round < 100 ? 5 : 3) + (round < 100 ? 0 : 2)];
        for (std::size_t at = 0; at != body.size();) {
            auto const n = std::min(1 + below(scale), body.size() - at);
            std::array<char, 20> size{};
            std::snprintf(size.data(), size.size(), "%zx", n);
            bytes += string(size.data()) + (below(9) == 0 ? ";a=\"b\"" : "") + "\r\n" + body.substr(at, n) +
                     "\r\n";
            at += n;
        }
        bytes += "0\r\nA: b\r\n\r\n";
        test::pieces input;
        auto const piece = scales[below(5)];
        for (std::string_view rest = bytes; !rest.empty();) {
            auto const n = std::min(1 + below(piece), rest.size());
            input.push_back(rest.substr(0, n));
            rest.remove_prefix(n);
        }
        auto const seen = test::read_pieces(input, bytes.size(), {});
        CHECK(seen.done);
        CHECK(seen.keep_alive);
        CHECK((seen.body == body)); // parentheses: a failure need not print it
    }
}
