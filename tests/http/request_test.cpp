// http_request: what is written, and that nothing which does not belong there ever is.
#include <hdikafka/detail/http/request.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace {

using hdikafka::detail::field_value;
using hdikafka::detail::http_request;
using hdikafka::detail::request_fields;
using std::string;

bool render(http_request const& request, string& out, string const& host, string const& authorization)
{
    field_value const value(authorization);
    auto const to = field_value::host(host);
    auto const checked = request.check(to, authorization.empty() ? nullptr : &value);
    if (checked)
        checked->append_to(out);
    return checked.has_value();
}

string rendered(http_request const& request, string const& host = "h", string const& authorization = "")
{
    string out;
    CHECK(render(request, out, host, authorization));
    return out;
}

/// Not rendered, and the text it would have been added to is as it was.
void check_never_rendered(http_request const& request, string const& host = "h",
                          string const& authorization = "")
{
    string out = "before";
    CHECK_FALSE(render(request, out, host, authorization));
    CHECK(out == "before");
}

} // namespace

TEST_CASE("a GET has its fields in order and no body")
{
    http_request request("GET", "/v1/metadata/topics");
    CHECK(request.add("Accept", "application/json"));
    CHECK(request.add("Accept-Encoding", "identity"));
    CHECK(rendered(request, "cluster-kafkarest.azurehdinsight.net") ==
          "GET /v1/metadata/topics HTTP/1.1\r\nHost: cluster-kafkarest.azurehdinsight.net\r\n"
          "Accept: application/json\r\nAccept-Encoding: identity\r\n\r\n");
}

TEST_CASE("a body comes with its Content-Length")
{
    http_request request("POST", "/v1/producer/topics/t");
    request.body("{\"records\":[]}");
    CHECK(request.add("Content-Type", "application/json"));
    CHECK(rendered(request) ==
          "POST /v1/producer/topics/t HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
          "Content-Length: 14\r\n\r\n{\"records\":[]}");
}

TEST_CASE("POST and PUT say that they have no body; GET and DELETE need not")
{
    CHECK(rendered(http_request("POST", "/")) == "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(rendered(http_request("PUT", "/")) == "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(rendered(http_request("GET", "/")) == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(rendered(http_request("DELETE", "/")) == "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST_CASE("the same request is rendered again with another token, behind what is there already")
{
    http_request const request("GET", "/a?b=c");
    string out = "x";
    CHECK(render(request, out, "h", "Bearer one"));
    CHECK(render(request, out, "[::1]:9400", "Bearer two"));
    CHECK(out == "xGET /a?b=c HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer one\r\n\r\n"
                 "GET /a?b=c HTTP/1.1\r\nHost: [::1]:9400\r\nAuthorization: Bearer two\r\n\r\n");
}

TEST_CASE("fields that every request has are written once")
{
    request_fields fields;
    CHECK(fields.add("User-Agent", "u"));
    CHECK(fields.sound());
    auto const common = std::make_shared<request_fields const>(fields);
    http_request request("GET", "/", common);
    CHECK(request.add("X", "y"));
    CHECK(rendered(request) == "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\nX: y\r\n\r\n");
    CHECK(rendered(http_request("GET", "/b", common)) ==
          "GET /b HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\r\n");
    CHECK_FALSE(fields.add("X", "\n"));
    CHECK_FALSE(fields.sound());
    check_never_rendered(http_request("GET", "/", std::make_shared<request_fields const>(fields)));
}

TEST_CASE("header injection: CR, LF, NUL and other controls are refused in every value")
{
    for (string const& value : {string("a\rb"), string("a\nb"), string("a\r\nX: y"), string("a\0b", 3),
                                string("\x7f"), string("\x1b[0m"), string("a\r"), string("\n"),
                                string("\0", 1), string("long enough for a word\n")}) {
        CAPTURE(value);
        http_request request("GET", "/");
        CHECK_FALSE(request.add("A", value));
        check_never_rendered(request);
        check_never_rendered(http_request("GET", "/"), "h", value);
        check_never_rendered(http_request("GET", "/"), value);
    }
    http_request request("GET", "/");
    CHECK_FALSE(request.add("A", " b"));
    CHECK_FALSE(request.add("A", "b\t"));
    CHECK(http_request("GET", "/").add("A", "b\tc \xc3\xa9"));
    CHECK(http_request("GET", "/").add("A", ""));
}

TEST_CASE("header injection: a field's name is a token")
{
    for (string const& name : {string(""), string("A B"), string("A:"), string("A\r\nB"), string("A\n"),
                               string("A\0", 2), string("\xc3\xa9"), string("A\t"), string("A/B")}) {
        CAPTURE(name);
        http_request request("GET", "/");
        CHECK_FALSE(request.add(name, "v"));
        check_never_rendered(request);
    }
}

TEST_CASE("header injection: one refused field spoils the request, also when good ones follow")
{
    http_request request("GET", "/");
    CHECK_FALSE(request.add("A", "\n"));
    CHECK(request.add("B", "c"));
    check_never_rendered(request);
}

TEST_CASE("header injection: fields that decide framing or identity cannot be added from outside")
{
    for (string const name : {"Host", "host", "Content-Length", "TRANSFER-ENCODING", "Authorization"}) {
        CAPTURE(name);
        http_request request("GET", "/");
        CHECK_FALSE(request.add(name, "1"));
        check_never_rendered(request);
    }
}

TEST_CASE("header injection: the target is visible ASCII in origin form, the method a token")
{
    for (string const& target : {string(""), string("a"), string("/a b"), string("/a\r\nX: y"), string("/\n"),
                                 string("/\0", 2), string("/\t"), string("/\xc3\xa9"), string("/\x7f"),
                                 string("/#f"), string("http://h/"), string("*")}) {
        CAPTURE(target);
        check_never_rendered(http_request("GET", target));
    }
    for (string const& method :
         {string(""), string("G T"), string("GET\r\n"), string("G\0T", 3), string("GET:")})
        check_never_rendered(http_request(method, "/"));
}

TEST_CASE("a Host value is one authority")
{
    for (string const host : {"", "a b", "a/b", "user@h", "h,i", "h#", "h?x", "h\\i", "\xc3\xa9"}) {
        CAPTURE(host);
        check_never_rendered(http_request("GET", "/"), host);
    }
}

TEST_CASE("CONNECT names an authority")
{
    CHECK(rendered(http_request("CONNECT", "h:443"), "h:443") ==
          "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    check_never_rendered(http_request("CONNECT", "/"));
    check_never_rendered(http_request("CONNECT", "h:443\r\nX: y"));
}
