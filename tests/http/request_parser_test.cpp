// request_parser: what the emulator takes, and the status it answers everything else with. Each stream of
// requests is read whole, cut at every byte, and byte by byte (support/split.hpp).
#include "support/http/split.hpp"

#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/request_parser.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hdikafka::http_limits;
using hdikafka::detail::request_parser;
using std::string;

/// What a server has seen of a connection: each request as one text, and how it ended.
class connection
{
public:
    std::vector<string> requests;
    int fault_status = 0;
    string cause;
    bool started = false; ///< A part of another request has come.

    bool operator==(connection const&) const = default;

    friend std::ostream& operator<<(std::ostream& out, connection const& c)
    {
        for (auto const& request : c.requests)
            out << request << "\n";
        return out << c.fault_status << " " << c.cause << (c.started ? " (started)" : "");
    }
};

connection serve(test::pieces const& input, http_limits const& limits)
{
    request_parser reader(limits);
    connection seen;
    auto const collect = [&] {
        while (reader.done()) {
            seen.requests.push_back(string(reader.method()) + " " + string(reader.target()) + " " +
                                    string(reader.field("x").value_or("-")) + " [" + string(reader.body()) +
                                    "]" + (reader.keep_alive() ? "" : " close"));
            reader.reset();
        }
    };
    for (std::string_view piece : input) {
        while (!piece.empty() && !reader.failed()) {
            piece.remove_prefix(test::feed(reader, {piece}));
            collect();
        }
    }
    seen.fault_status = reader.failed() ? reader.fault_status() : 0;
    seen.cause = reader.cause();
    seen.started = reader.started();
    return seen;
}

connection read(std::string_view bytes, http_limits const& limits = http_limits())
{
    return test::same_for_every_split(bytes, [&](test::pieces const& input) { return serve(input, limits); });
}

string get(string const& fields) { return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"; }

string post(string const& fields, string const& rest)
{
    return "POST /p HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + rest;
}

void check_refused(string const& bytes, int status)
{
    CAPTURE(bytes);
    auto const seen = read(bytes);
    CHECK(seen.requests.empty());
    CHECK(seen.fault_status == status);
    CHECK_FALSE(seen.cause.empty());
}

} // namespace

TEST_CASE("a request is cut into its parts")
{
    auto const seen = read("PUT /v1/topics/a%20b?x=y HTTP/1.1\r\nHost: localhost:9400\r\nX: "
                           "v\r\nContent-Length: 5\r\n\r\nhello");
    CHECK(seen.requests == std::vector<string>{"PUT /v1/topics/a%20b?x=y v [hello]"});
    CHECK_FALSE(seen.started);
    CHECK(read(get("")).requests == std::vector<string>{"GET / - []"});
    CHECK(read(post("Transfer-Encoding: Chunked\r\n", "2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: v\r\n\r\n"))
              .requests == std::vector<string>{"POST /p - [hello]"});
    CHECK(read("OPTIONS /~!$&'()*+,;=:@-._ HTTP/1.1\r\nHost: h\r\n\r\n").requests.size() == 1);
}

TEST_CASE("it reads what http_request writes")
{
    hdikafka::detail::http_request request("POST", "/v1/producer/topics/t");
    request.body("{}");
    CHECK(request.add("X", "v"));
    string bytes;
    hdikafka::detail::field_value const token("Bearer t");
    auto const host = hdikafka::detail::field_value::host("[::1]:9400");
    auto const checked = request.check(host, &token);
    REQUIRE(checked);
    checked->append_to(bytes);
    CHECK(read(bytes).requests == std::vector<string>{"POST /v1/producer/topics/t v [{}]"});
}

TEST_CASE("pipelined requests are all served, whatever framing their bodies have")
{
    string const stream = post("Content-Length: 5\r\n", "hello") + get("X: 1\r\n") +
                          post("Transfer-Encoding: chunked\r\nX: 2\r\n", "5\r\nworld\r\n0\r\n\r\n") +
                          get("") + post("Content-Length: 0\r\n", "") + "\r\n" +
                          get("Connection: close\r\n") + "GET /unfin";
    auto const seen = read(stream);
    CHECK(seen.requests == std::vector<string>{"POST /p - [hello]", "GET / 1 []", "POST /p 2 [world]",
                                               "GET / - []", "POST /p - []", "GET / - [] close"});
    CHECK(seen.fault_status == 0);
    CHECK(seen.started);
}

TEST_CASE("large bodies and many pipelined requests go through the same memory")
{
    string stream;
    string const body(30000, 'b');
    for (int i = 0; i != 20; ++i)
        stream += get("X: " + std::to_string(i) + "\r\n") + post("Content-Length: 30000\r\n", body) +
                  post("Transfer-Encoding: chunked\r\n", "7530\r\n" + body + "\r\n0\r\n\r\n");
    auto const seen = serve({stream}, http_limits());
    CHECK(seen.requests.size() == 60);
    for (std::size_t i = 0; i < seen.requests.size(); i += 3) {
        CHECK(seen.requests[i] == "GET / " + std::to_string(i / 3) + " []");
        CHECK((seen.requests[i + 1] == "POST /p - [" + body + "]"));
        CHECK((seen.requests[i + 2] == "POST /p - [" + body + "]"));
    }
}

TEST_CASE("one empty line before a request is passed over, a second one is not")
{
    CHECK(read("\r\n" + get("")).requests.size() == 1);
    check_refused("\r\n\r\n" + get(""), 400);
    check_refused("\n" + get(""), 400);
}

TEST_CASE("Connection: close ends the connection, also beside keep-alive")
{
    CHECK(read(get("Connection: keep-alive\r\n")).requests[0] == "GET / - []");
    CHECK(read(get("Connection: Keep-Alive, Close\r\n")).requests[0] == "GET / - [] close");
    CHECK(read(get("Connection: close\r\nConnection: keep-alive\r\n")).requests[0] == "GET / - [] close");
}

TEST_CASE("Expect: 100-continue is reported until the body is there")
{
    request_parser reader;
    string const head = post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "");
    CHECK_FALSE(reader.expects_continue());
    test::feed(reader, {head});
    CHECK(reader.header_done());
    CHECK(reader.expects_continue());
    test::feed(reader, {"hi"});
    CHECK(reader.done());
    CHECK_FALSE(reader.expects_continue());
    reader.reset();
    CHECK_FALSE(reader.header_done());
    string const plain = post("Content-Length: 2\r\n", "");
    test::feed(reader, {plain});
    CHECK_FALSE(reader.expects_continue());
}

TEST_CASE("the request line: a token, a target in origin form, HTTP/1.1, one blank between")
{
    for (string const line : {"GET  / HTTP/1.1",
                              "GET /",
                              "GET",
                              "GET / ",
                              "/ HTTP/1.1",
                              " GET / HTTP/1.1",
                              "GET / HTTP/1.1 ",
                              "GET\t/ HTTP/1.1",
                              "G(T / HTTP/1.1",
                              "GET: / HTTP/1.1",
                              "GET / a HTTP/1.1",
                              "GET / http/1.1",
                              "GET / HTTP/1.",
                              "GET / HTTP/11",
                              "GET / HTTP/x.1",
                              "GET / HTTP/1.10",
                              "GET / HTTPS/1.1",
                              "GET / HTTP/1.1\r",
                              "GET /\r HTTP/1.1",
                              "GET h:80 HTTP/1.1",
                              "GET * HTTP/1.1",
                              "GET http://h/ HTTP/1.1",
                              "CONNECT h:443 HTTP/1.1",
                              "GET a HTTP/1.1",
                              "GET /#f HTTP/1.1",
                              "GET /\xc3\xa9 HTTP/1.1",
                              "GET /\x7f HTTP/1.1",
                              "\x16\x03\x01"})
        check_refused(string(line) + "\r\nHost: h\r\n\r\n", 400);
    check_refused(string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 27), 400);
    check_refused("GET / HTTP/1.1\nHost: h\r\n\r\n", 400);
}

TEST_CASE("other versions of HTTP are 505")
{
    for (string const version : {"HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"})
        check_refused("GET / " + version + "\r\nHost: h\r\n\r\n", 505);
}

TEST_CASE("exactly one Host, which is one authority")
{
    check_refused("GET / HTTP/1.1\r\n\r\n", 400);
    check_refused(get("Host: h\r\n"), 400);
    check_refused(get("host: i\r\n"), 400);
    for (string const host : {"", "a b", "a,b", "a/b", "u@h", "h?", "h#"})
        check_refused("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", 400);
}

TEST_CASE("Content-Length and Transfer-Encoding together: 400")
{
    check_refused(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
    check_refused(post("Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400);
}

TEST_CASE("duplicate, signed, spaced, overflowing Content-Length: 400")
{
    for (string const value : {"", "+5", "-5", "5 5", "5,", "5, 6", "0x5", "18446744073709551616"})
        check_refused(post("Content-Length: " + value + "\r\n", "hello"), 400);
    CHECK(read(post("Content-Length: 5, 5\r\nContent-Length: 05\r\n", "hello")).requests[0] ==
          "POST /p - [hello]");
}

TEST_CASE("Transfer-Encoding other than a final chunked: 400, and 501 for a coding below it")
{
    for (string const value : {"", "gzip", "identity", "chunked, gzip", "chunked, chunked",
                               "chunked, gzip, chunked", ", chunked", "chunked,", "a b, chunked"})
        check_refused(post("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n"), 400);
    check_refused(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501);
    check_refused(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n", "0\r\n\r\n"), 501);
}

TEST_CASE("chunks are read as strictly as in an answer")
{
    for (string const body : {" 5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
                              "x\r\n", "10000000000000000\r\n", "5;\r\nhello", "0\r\n A: b\r\n\r\n"})
        check_refused(post("Transfer-Encoding: chunked\r\n", body), 400);
}

TEST_CASE("obs-fold, bare CR, bare LF, NUL, space before colon: 400")
{
    for (string const& fields :
         {string(" A: b\r\n"), string("A: b\r\n c\r\n"), string("A: b\rc\r\n"), string("A: b\n"),
          string("A: \0\r\n", 6), string("A : b\r\n"), string(": b\r\n"), string("A\r\n")})
        check_refused(get(fields), 400);
}

TEST_CASE("sizes: 414 for the request line, 431 for fields, 413 for the body")
{
    http_limits const limits = http_limits().status_line(40).field(50).fields(100).field_count(4).body(10);
    auto const status = [&](string const& bytes) { return read(bytes, limits).fault_status; };
    auto const line = [](std::size_t size) {
        return "GET /" + string(size - 14, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    };
    CHECK(status(line(40)) == 0);
    CHECK(status(line(41)) == 414);
    CHECK(status(get("A: " + string(47, 'x') + "\r\n")) == 0);
    CHECK(status(get("A: " + string(48, 'x') + "\r\n")) == 431);
    CHECK(status(get("A: " + string(40, 'x') + "\r\nB: " + string(42, 'x') + "\r\n")) == 431);
    CHECK(status(get("A: b\r\nA: b\r\nA: b\r\n")) == 0);
    CHECK(status(get("A: b\r\nA: b\r\nA: b\r\nA: b\r\n")) == 431);
    CHECK(status(post("Content-Length: 10\r\n", "0123456789")) == 0);
    CHECK(status(post("Content-Length: 11\r\n", "")) == 413);
    CHECK(status(post("Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n")) == 0);
    CHECK(status(post("Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n1\r\n")) == 413);
}

TEST_CASE("a connection that ends between requests ends properly, within one it does not")
{
    CHECK_FALSE(read(get("")).started);
    CHECK(read(get("") + "G").started);
    CHECK(read(post("Content-Length: 5\r\n", "hell")).started);
    CHECK(read(post("Content-Length: 5\r\n", "hell")).requests.empty());
}

TEST_CASE("a body can be bounded when its head has been looked at")
{
    class row
    {
    public:
        string framing; ///< And what comes at once.
        string rest;
        bool good;
    };
    for (row const& one : std::vector<row>{
             {"Content-Length: 10\r\n\r\n", string(10, 'x'), true},
             {"Content-Length: 11\r\n\r\n", "", false},
             {"Transfer-Encoding: chunked\r\n\r\n", "5\r\nxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n", true},
             {"Transfer-Encoding: chunked\r\n\r\n", "5\r\nxxxxx\r\n6\r\n", false},
             {"Transfer-Encoding: chunked\r\n\r\n5\r\nxx", "xxx\r\n0\r\n\r\n", true},
             {"Transfer-Encoding: chunked\r\n\r\nB\r\nxx", "", false},
             {"Transfer-Encoding: chunked\r\n\r\nB\r\nxxxxxxxxxxx", "", false},
             {"Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n", "6\r\n", false},
         }) {
        CAPTURE(one.framing);
        CAPTURE(one.rest);
        request_parser reader;
        string const head = "POST / HTTP/1.1\r\nHost: x\r\n" + one.framing;
        CHECK(test::feed(reader, {head}) == head.size());
        REQUIRE(reader.header_done());
        bool const counted = one.framing.starts_with("Content");
        CHECK(reader.body_size().has_value() == counted);
        reader.limit_body(10);
        test::feed(reader, {one.rest});
        CHECK(reader.done() == one.good);
        CHECK(reader.fault_status() == (one.good ? 400 : 413));
        if (!one.good)
            continue;
        reader.reset(); // the next request has the parser's own limits
        CHECK(!reader.header_done());
        string const next = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + string(11, 'x');
        CHECK(test::feed(reader, {next}) == next.size());
        CHECK(reader.done());
    }
}

TEST_CASE("how much memory a request takes is known")
{
    request_parser reader;
    CHECK(reader.memory() == 0);
    string const request =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + string(300'000, 'x');
    test::feed(reader, {request});
    REQUIRE(reader.done());
    CHECK(reader.memory() > 300'000);
    CHECK(reader.memory() < 310'000);
    reader.reset();
    CHECK(reader.memory() < 10'000);
}
