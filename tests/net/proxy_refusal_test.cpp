// The schemes that a proxy offers, out of whatever it writes about them.
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/net/proxy_refusal.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using hdikafka::detail::challenge_schemes;
using hdikafka::detail::response_parser;
using hdikafka::detail::wanted_credentials;
using std::string;

namespace {

std::vector<string> schemes_in(std::string_view value)
{
    std::vector<string> out;
    challenge_schemes schemes(value);
    for (std::string_view one; schemes.next(one);)
        out.emplace_back(one);
    return out;
}

/// What is said of a 407 with these fields.
string words(string const& fields, bool shown = false)
{
    string const text = "HTTP/1.1 407 No\r\n" + fields + "Content-Length: 0\r\n\r\n";
    response_parser parser{hdikafka::http_limits()};
    auto const room = parser.prepare();
    REQUIRE(room.size() >= text.size());
    std::ranges::copy(text, room.begin());
    parser.commit(text.size());
    REQUIRE(parser.header_done());
    return wanted_credentials(parser.head(), shown);
}

} // namespace

TEST_CASE("a challenge is a scheme with parameters, and a list of them is a list of lists")
{
    using list = std::vector<string>;
    CHECK(schemes_in("Negotiate") == list{"Negotiate"});
    CHECK(schemes_in("NTLM TlRMTVNTUAACAAAA==") == list{"NTLM"});
    CHECK(schemes_in("Basic realm=\"proxy\"") == list{"Basic"});
    CHECK(schemes_in("Negotiate, NTLM, Basic realm=\"a, b\", charset=\"UTF-8\"") ==
          list{"Negotiate", "NTLM", "Basic"});
    CHECK(schemes_in("Digest realm = \"x\", nonce=\"\\\"y, Z\", qop=\"auth,auth-int\",Kerberos") ==
          list{"Digest", "Kerberos"});
    for (string const nothing : {"", ",", " , ", "=", "\"", "realm=\"Basic\"", "realm=\"Basic, NTLM"})
        CHECK(schemes_in(nothing).empty());
}

TEST_CASE("a proxy that does not speak Basic is told by what it offers")
{
    string const ntlm = words("Proxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n");
    CHECK(ntlm.starts_with(": it offers Negotiate, NTLM, and only Basic is spoken here"));
    CHECK(words("Proxy-Authenticate: Digest realm=\"x\"\r\n", true)
              .starts_with(": it offers Digest, and only Basic is spoken here"));
    // Those of the server behind it are none of its own.
    CHECK(words("WWW-Authenticate: NTLM\r\n").find("NTLM") == string::npos);
    // What is no scheme that anybody knows is not repeated, and an endless list is cut.
    string const odd = words("Proxy-Authenticate: dXNlcjpzZWNyZXQx\r\n");
    CHECK(odd.starts_with(": it offers a scheme of another name, and only Basic is spoken here"));
    string many = "Proxy-Authenticate: NTLM";
    for (int i = 1; i != 100; ++i)
        many += ", NTLM";
    string const cut = words(many + "\r\n");
    CHECK(std::ranges::count(cut, ',') == 8);
}

TEST_CASE("a proxy that speaks Basic wants credentials, or others")
{
    for (string const fields : {"Proxy-Authenticate: NTLM, basic realm=\"x\"\r\n",
                                "Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic\r\n", ""}) {
        CAPTURE(fields);
        CHECK(words(fields) == ": it wants a user and a password (http://user:password@host:port)");
        CHECK(words(fields, true) == ": it does not accept the user and the password");
    }
}
