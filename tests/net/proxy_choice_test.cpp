// The proxy on the way to the service: its address, whom it is for, and what it is asked.
#include <hdikafka/detail/net/proxy_choice.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using hdikafka::errc;
using hdikafka::detail::bypasses_proxy;
using hdikafka::detail::choose_proxy;
using hdikafka::detail::connect_request;
using hdikafka::detail::parse_proxy;
using hdikafka::detail::parse_url;
using hdikafka::detail::proxy_environment;
using hdikafka::detail::proxy_variables;
using hdikafka::detail::url;
using std::string;

url to(string const& text)
{
    auto const parsed = parse_url(text);
    REQUIRE_MESSAGE(parsed, text);
    return parsed.value();
}

/// Why it is refused, or "".
string refusal(string const& text)
{
    auto const parsed = parse_proxy(text);
    if (parsed)
        return "";
    CHECK(parsed.error().code() == errc::invalid_option);
    CHECK(parsed.error().cause().starts_with("the HTTP proxy: the URL "));
    return parsed.error().cause().substr(24);
}

proxy_variables variables(string https_proxy, string no_proxy = "")
{
    proxy_variables out;
    out.https_proxy = hdikafka::detail::secret(std::move(https_proxy));
    out.no_proxy = std::move(no_proxy);
    return out;
}

/// "host:port" of the proxy that is chosen, "direct", or the error's cause.
string way(string const& target, std::optional<string> const& option, proxy_variables const& environment)
{
    auto const chosen = choose_proxy(to(target), option, environment);
    if (!chosen) {
        CHECK(chosen.error().code() == errc::invalid_option);
        return chosen.error().cause();
    }
    if (!chosen.value())
        return "direct";
    return chosen.value()->address.host + ":" + std::to_string(chosen.value()->address.port);
}

string const service = "https://cluster-kafkarest.azurehdinsight.net";

} // namespace

TEST_CASE("a proxy is http://[user[:password]@]host[:port], with or without the scheme")
{
    class row
    {
    public:
        string text;
        string host;
        std::uint16_t port;
        string authorization; ///< As Python's base64 writes it.
    };
    for (row const& good : {
             row{"http://proxy.example:3128", "proxy.example", 3128, ""},
             row{"http://proxy.example:3128/", "proxy.example", 3128, ""},
             row{"http://proxy.example", "proxy.example", 80, ""},
             row{"HTTP://Proxy.Example", "proxy.example", 80, ""},
             row{"http://10.1.2.3:8080", "10.1.2.3", 8080, ""},
             row{"http://[2001:DB8::1]:8080", "2001:db8::1", 8080, ""},
             row{"http://[::1]", "::1", 80, ""},
             row{"proxy.example:3128", "proxy.example", 3128, ""},
             row{"proxy", "proxy", 80, ""},
             row{"[::1]:3128", "::1", 3128, ""},
             row{"proxy:3128/", "proxy", 3128, ""},
             row{"http://Aladdin:open%20sesame@proxy:3128", "proxy", 3128,
                 "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
             row{"Aladdin:open sesame@proxy:3128", "proxy", 3128, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
             row{"http://user:pa%40ss%2Fw%3ard@[::1]:1", "::1", 1, "Basic dXNlcjpwYUBzcy93OnJk"},
             row{"http://user:pa@ss%2fw:rd@proxy", "proxy", 80, "Basic dXNlcjpwYUBzcy93OnJk"},
             row{"http://user@proxy", "proxy", 80, "Basic dXNlcjo="},
             row{"http://user:@proxy", "proxy", 80, "Basic dXNlcjo="},
             row{"http://:token@proxy", "proxy", 80, "Basic OnRva2Vu"},
             row{"http://cl%C3%A9:%E2%82%AC@proxy", "proxy", 80, "Basic Y2zDqTrigqw="},
             row{"http://cl\xc3\xa9:\xe2\x82\xac@proxy", "proxy", 80, "Basic Y2zDqTrigqw="},
             row{"http://@proxy:1", "proxy", 1, ""},
             row{"http://:@proxy:1", "proxy", 1, ""},
         }) {
        INFO(good.text);
        auto const parsed = parse_proxy(good.text);
        REQUIRE(parsed);
        CHECK(parsed.value().address.scheme == "http");
        CHECK(parsed.value().address.host == good.host);
        CHECK(parsed.value().address.port == good.port);
        CHECK(parsed.value().authorization.text() == good.authorization);
    }
}

TEST_CASE("any other proxy is refused with the reason, which shows no password")
{
    class row
    {
    public:
        string text;
        string reason;
    };
    string const scheme = "does not start with http://, and no other kind of proxy is supported";
    string const escape =
        "has a '%' in its user name or password without two hexadecimal digits: percent-encode it (%25)";
    string const encode =
        "has a '/', '?' or '#' in its user name or password: percent-encode it (%2F, %3F, %23)";
    string const control = "has a control character in its user name or password";
    string const path = "has a path or a query";
    string const blank = "has a blank, a control character or a character that is not ASCII";
    for (row const& bad : {
             row{"https://u:hunter2@proxy", scheme},
             row{"socks5://u:hunter2@proxy:1080", scheme},
             row{"socks5h://proxy", scheme},
             row{"ftp://proxy", scheme},
             row{"://proxy", scheme},
             row{" http://u:hunter2@proxy", scheme},
             row{"u:hunter2://@proxy", scheme},
             row{"", "has no host"},
             row{"http://", "has no host"},
             row{"http://u:hunter2@", "has no host"},
             row{"u:hunter2@:3128", "has no host"},
             row{"//proxy", "has no host"},
             row{"http://u:hunter2@proxy/path", path},
             row{"http://u:hunter2@proxy//", path},
             row{"http://u:hunter2@proxy?query", path},
             row{"http://u:hunter2@proxy/?", path},
             row{"proxy/hunter2", path},
             row{"http://u:hun/ter2@proxy", encode},
             row{"http://u:hun?ter2@proxy", encode},
             row{"http://u:hun#ter2@proxy", encode},
             row{"http://u:12/hunter2@proxy", encode},
             row{"u/hunter2@proxy:3128", encode},
             row{"http://u:hun/t@er2@proxy", encode},
             row{"http://u:hunter2@proxy#part", "has a fragment"},
             row{"http://u:hunter2@proxy:0", "has a port that is not between 1 and 65535"},
             row{"http://u:hunter2@proxy:65536", "has a port that is not between 1 and 65535"},
             row{"http://u:hunter2@proxy:", "has a port that is not between 1 and 65535"},
             row{"u:hunter2@proxy:http", "has a port that is not a number"},
             row{"http:proxy", "has a port that is not a number"},
             row{"http://u:hunter2@[::1", "has brackets without an IPv6 address in them"},
             row{"http://u:hunter2@::1", "has no host"},
             row{"http://u:hunter2@pro xy", blank},
             row{"http://u:hunter2@proxy\r\nX: y", blank},
             row{"http://u:hunter2@proxy\n", blank},
             row{"http://u:hunter2@pr\xc3\xb6xy", blank},
             row{"http://u%:hunter2@proxy", escape},
             row{"http://u:hunter2%@proxy", escape},
             row{"http://u:hunter2%4@proxy", escape},
             row{"http://u:hunter2%4g@proxy", escape},
             row{"http://u:hunter2%g4@proxy", escape},
             row{"http://u:hunter2%-4@proxy", escape},
             row{"http://u%4:1hunter2@proxy", escape},
             row{"http://u%3Ax:hunter2@proxy", "has a ':' in its user name"},
             row{"http://u:hunter2%0d%0aX:%20y@proxy", control},
             row{"http://u:hunter2\r\nX: y@proxy", control},
             row{"http://u:hunter2%00@proxy", control},
             row{"http://u:hunter2%09@proxy", control},
             row{"http://u:hunter2%1f@proxy", control},
             row{"http://u:hunter2%7F@proxy", control},
             row{"http://u%0a:hunter2@proxy", control},
             row{"http://u\x01@proxy", control},
         }) {
        INFO(bad.text);
        auto const reason = refusal(bad.text);
        CHECK(reason == bad.reason);
        CHECK(reason.find("hunter2") == string::npos);
    }
}

TEST_CASE("NO_PROXY: what each entry matches")
{
    class row
    {
    public:
        string entries;
        string target;
        bool matches;
    };
    string const v4 = "https://10.20.30.40";
    string const v6 = "https://[fd00:1::5]";
    string const mapped = "https://[::ffff:10.20.30.40]";
    string const host = "https://api.example.com";
    for (row const& each : {
             // Everything.
             row{"*", host, true},
             row{"*", v4, true},
             row{"*", v6, true},
             row{"other, *", host, true},
             row{"**", host, false},
             row{"*:443", host, false},
             row{"", host, false},
             row{" ,,\t, ", host, false},

             // A name is that host and those below it.
             row{"example.com", "https://example.com", true},
             row{"example.com", host, true},
             row{"example.com", "https://a.b.example.com", true},
             row{"example.com", "https://notexample.com", false},
             row{"example.com", "https://example.com.evil.net", false},
             row{"api.example.com", "https://example.com", false},
             row{"com", host, true},
             row{"om", host, false},
             row{"EXAMPLE.Com", host, true},
             row{"example.com.", host, true},
             row{"example.com..", host, true},
             row{"localhost", "https://localhost", true},
             row{"localhost", "https://a.localhost", true},

             // With a dot in front it is those below it alone.
             row{".example.com", host, true},
             row{".example.com", "https://example.com", false},
             row{".example.com", "https://notexample.com", false},
             row{".Example.COM.", host, true},
             row{"*.example.com", host, true},
             row{"*.example.com", "https://example.com", false},
             row{"*.example.com", "https://notexample.com", false},
             row{"*example.com", "https://notexample.com", false},
             row{"*example.com", "https://example.com", false},
             row{"a*.example.com", host, false},
             row{"..example.com", host, false},
             row{".", host, false},
             row{"..", host, false},
             row{"*.", host, false},
             row{"*..", host, false},

             // With a port it is that port alone.
             row{"example.com:443", host, true},
             row{"example.com:443", "https://api.example.com:8443", false},
             row{"example.com:8443", "https://api.example.com:8443", true},
             row{"example.com:8443", host, false},
             row{".example.com:443", host, true},
             row{"example.com.:443", host, true},
             row{"example.com:", host, false},
             row{"example.com:https", host, false},
             row{"example.com:65979", host, false}, // 443 + 65536
             row{"example.com:443:443", host, false},
             row{":443", host, false},
             row{":443", v4, false},
             row{":", host, false},

             // Addresses.
             row{"10.20.30.40", v4, true},
             row{"10.20.30.40.", v4, true},
             row{"10.20.30.41", v4, false},
             row{"10.20.30.40:443", v4, true},
             row{"10.20.30.40:80", v4, false},
             row{"10.20.30.40:80", "https://10.20.30.40:80", true},
             row{"20.30.40", v4, false},
             row{".30.40", v4, false},
             row{"10.20.30.040", v4, false},
             row{"10.20.30.40", mapped, true},
             row{"::ffff:10.20.30.40", v4, true},
             row{"[::ffff:a14:1e28]:443", v4, true},
             row{"fd00:1::5", v6, true},
             row{"FD00:1:0:0::5", v6, true},
             row{"fd00:1::6", v6, false},
             row{"[fd00:1::5]", v6, true},
             row{"[FD00:0001::5]", v6, true},
             row{"[fd00:1::6]", v6, false},
             row{"[fd00:1::5]:443", v6, true},
             row{"[fd00:1::5]:444", v6, false},
             row{"fd00:1::5:443", v6, false},
             row{"fd00:1::5:443", "https://[fd00:1::5:443]", true},
             row{"[fd00:1::5", v6, false},
             row{"[fd00:1::56", v6, false},
             row{"fd00:1::5]", v6, false},
             row{"[fd00:1::5]x", v6, false},
             row{"[fd00:1::5]x:443", v6, false},
             row{"[fd00:1::5]:", v6, false},
             row{"[]", v6, false},
             row{"[", v6, false},
             row{"]", v6, false},
             row{"[]", host, false},
             row{"[api.example.com]", host, false},
             row{"[10.20.30.40]", v4, false},
             row{"fd00:1::5%eth0", v6, false},
             row{"10.20.30.40", host, false},
             row{"fd00:1::5", host, false},

             // Networks.
             row{"10.0.0.0/8", v4, true},
             row{"10.0.0.0/8", "https://11.20.30.40", false},
             row{"10.255.255.255/8", v4, true},
             row{"10.20.30.40/32", v4, true},
             row{"10.20.30.41/32", v4, false},
             row{"10.20.30.42/30", v4, true},
             row{"10.20.30.40/31", "https://10.20.30.41", true},
             row{"10.20.30.40/31", "https://10.20.30.42", false},
             row{"10.20.24.0/21", v4, true},
             row{"10.20.16.0/21", v4, false},
             row{"11.20.30.40/7", v4, true},
             row{"0.0.0.0/0", v4, true},
             row{"10.0.0.0/8", mapped, true},
             row{"::ffff:10.0.0.0/104", v4, true},
             row{"::ffff:11.0.0.0/104", v4, false},
             row{"::ffff:0.0.0.0/96", v4, true},
             row{"::/0", v4, false},
             row{"::/0", mapped, false},
             row{"::ffff:0.0.0.0/95", v4, false},
             row{"::fffe:0.0.0.0/95", "https://[::fffe:1.2.3.4]", true},
             row{"0.0.0.0/0", v6, false},
             row{"::/0", v6, true},
             row{"fd00::/8", v6, true},
             row{"fd00::/8", "https://[fc00::1]", false},
             row{"fc00::/7", v6, true},
             row{"fd00:1::/32", v6, true},
             row{"fd00:2::/32", v6, false},
             row{"fd00:1::5/128", v6, true},
             row{"fd00:1::4/128", v6, false},
             row{"fd00:1::4/127", v6, true},
             row{"10.0.0.0/8", host, false},
             row{"::/0", host, false},
             row{"0.0.0.0/0", host, false},
             row{"10.0.0.0/33", v4, false},
             row{"10.20.30.40/33", v4, false},
             row{"fd00::/129", v6, false},
             row{"fd00:1::5/129", v6, false},
             row{"10.0.0.0/", v4, false},
             row{"10.0.0.0/-8", v4, false},
             row{"10.0.0.0/x", v4, false},
             row{"10.0.0.0/18446744073709551624", v4, false}, // 8 + 2^64
             row{"10.0.0/8", v4, false},
             row{"/8", v4, false},
             row{"/", v4, false},
             row{"10.0.0.0/8/8", v4, false},
             row{"10.0.0.0/8:443", v4, false},
             row{"[fd00::]/8", v6, false},
             row{"example.com/8", v4, false},
             row{"https://api.example.com", host, false},

             // Several of them.
             row{"a.net,example.com", host, true},
             row{"a.net example.com", host, true},
             row{"a.net\texample.com", host, true},
             row{"a.net\nexample.com\r\n", host, true},
             row{" , a.net ,, example.com , ", host, true},
             row{"example.com,a.net", host, true},
             row{"[,/,:,.,*x,10.0.0.0/99,example.com", host, true},
             row{"a.net;example.com", host, false},
             row{"api example com.", "https://example.org", false},
         }) {
        INFO("'" << each.entries << "' and " << each.target);
        CHECK(bypasses_proxy(each.entries, to(each.target)) == each.matches);
    }
}

TEST_CASE("NO_PROXY: an entry ends where the text does")
{
    CHECK_FALSE(bypasses_proxy(std::string_view("10.0.0.0/81").substr(0, 9), to("https://10.0.0.1")));
    CHECK_FALSE(bypasses_proxy(std::string_view("example.com").substr(0, 10), to("https://example.com")));
}

TEST_CASE("which way a connection goes")
{
    class row
    {
    public:
        char const* why;
        string target;
        std::optional<string> option;
        proxy_variables environment;
        string way;
    };
    std::optional<string> const unset;
    auto const nothing = variables("");
    auto const corporate = variables("http://corporate:3128", ".internal, 10.0.0.0/8");
    for (row const& each : {
             row{"nothing is said", service, unset, nothing, "direct"},
             row{"NO_PROXY alone", service, unset, variables("", "other"), "direct"},
             row{"HTTPS_PROXY", service, unset, corporate, "corporate:3128"},
             row{"HTTPS_PROXY without scheme and port", service, unset, variables("corporate"),
                 "corporate:80"},
             row{"a name in NO_PROXY", "https://a.internal", unset, corporate, "direct"},
             row{"a network in NO_PROXY", "https://10.1.1.1", unset, corporate, "direct"},
             row{"everything in NO_PROXY", service, unset, variables("corporate", "*"), "direct"},
             row{"plain http", "http://169.254.169.254/metadata", unset, corporate, "direct"},
             row{"loopback by name", "https://localhost:8443", unset, corporate, "direct"},
             row{"loopback by address", "https://127.1.2.3", unset, corporate, "direct"},
             row{"loopback in IPv6", "https://[::1]", unset, corporate, "direct"},
             row{"loopback, and the proxy too", "https://localhost", unset, variables("localhost:3128"),
                 "direct"},

             row{"the program's proxy", service, "http://own:8080", nothing, "own:8080"},
             row{"the program's before HTTPS_PROXY", service, "http://own:8080", corporate, "own:8080"},
             row{"the program's in spite of NO_PROXY", service, "own", variables("", "*"), "own:80"},
             row{"the program's for what NO_PROXY names", "https://a.internal", "own", corporate, "own:80"},
             row{"the program wants none", service, "", corporate, "direct"},
             row{"the program's, plain http", "http://169.254.169.254", "own", nothing, "direct"},
             row{"the program's, plain http to loopback", "http://localhost:80", "localhost:3128", nothing,
                 "direct"},
             row{"the program's, loopback", "https://localhost:8443", "own", nothing, "direct"},
             row{"the program's, loopback in IPv6", "https://[::1]", "own", nothing, "direct"},
             row{"the program's on loopback, for loopback", "https://127.0.0.1", "localhost:3128", nothing,
                 "localhost:3128"},
             row{"the program's on loopback", service, "http://[::1]:3128", nothing, "::1:3128"},

             row{"HTTPS_PROXY cannot be used", service, unset, variables("socks5://u:p@corporate"),
                 "HTTPS_PROXY: the URL does not start with http://, and no other kind of proxy is supported"},
             row{"HTTPS_PROXY cannot be used and is not", "https://a.internal", unset,
                 variables("corporate:0", "internal"), "direct"},
             row{"HTTPS_PROXY cannot be used, loopback", "https://localhost", unset, variables("corporate:0"),
                 "direct"},
             row{"HTTPS_PROXY cannot be used, plain http", "http://localhost", unset,
                 variables("corporate:0"), "direct"},
             row{"HTTPS_PROXY cannot be used, the program's can", service, "own", variables("corporate:0"),
                 "own:80"},
             row{"the program's cannot be used", service, "own:0", corporate,
                 "the HTTP proxy: the URL has a port that is not between 1 and 65535"},
             row{"the program's cannot be used, loopback", "https://localhost", "own:0", corporate,
                 "the HTTP proxy: the URL has a port that is not between 1 and 65535"},
         }) {
        INFO(each.why);
        CHECK(way(each.target, each.option, each.environment) == each.way);
    }
}

TEST_CASE("the proxy that is chosen brings its credentials")
{
    auto const chosen = choose_proxy(to(service), std::nullopt, variables("user@proxy"));
    REQUIRE(chosen);
    REQUIRE(chosen.value());
    CHECK(chosen.value()->authorization.text() == "Basic dXNlcjo=");
}

TEST_CASE("the environment: capitals first, and an empty variable counts as none")
{
    class row
    {
    public:
        std::vector<std::pair<char const*, char const*>> set;
        string https_proxy;
        string no_proxy;
    };
    std::vector<char const*> const names{"HTTPS_PROXY", "https_proxy", "NO_PROXY",   "no_proxy",
                                         "ALL_PROXY",   "all_proxy",   "HTTP_PROXY", "http_proxy"};
    auto const clear = [&names] {
        for (char const* const name : names)
            REQUIRE(unsetenv(name) == 0); // NOLINT(concurrency-mt-unsafe): there is no other thread here
    };
    for (row const& each : {
             row{{}, "", ""},
             row{{{"HTTPS_PROXY", "A"}, {"NO_PROXY", "B"}}, "A", "B"},
             row{{{"https_proxy", "a"}, {"no_proxy", "b"}}, "a", "b"},
             row{{{"HTTPS_PROXY", "A"}, {"https_proxy", "a"}, {"NO_PROXY", "B"}, {"no_proxy", "b"}},
                 "A",
                 "B"},
             row{{{"HTTPS_PROXY", ""}, {"https_proxy", "a"}, {"NO_PROXY", ""}, {"no_proxy", "b"}}, "a", "b"},
             row{{{"HTTPS_PROXY", ""}, {"NO_PROXY", ""}}, "", ""},
             row{{{"HTTPS_PROXY", "A"}, {"no_proxy", "b"}}, "A", "b"},
             row{{{"ALL_PROXY", "c"}, {"all_proxy", "c"}, {"HTTP_PROXY", "d"}, {"http_proxy", "d"}}, "", ""},
         }) {
        clear();
        for (auto const& [name, value] : each.set) {
            INFO(name << "=" << value);
            REQUIRE(setenv(name, value, 1) == 0); // NOLINT(concurrency-mt-unsafe): as above
        }
        auto const seen = proxy_environment();
        CHECK(seen.https_proxy.text() == each.https_proxy);
        CHECK(seen.no_proxy == each.no_proxy);
    }
    clear();
}

TEST_CASE("CONNECT says whereto, by whom, and nothing else")
{
    class row
    {
    public:
        string target;
        string proxy;
        string user_agent;
        string request;
    };
    for (row const& each : {
             row{service + "/v1/topics?secret=1", "proxy:3128", "hdikafka/0.1",
                 "CONNECT cluster-kafkarest.azurehdinsight.net:443 HTTP/1.1\r\n"
                 "Host: cluster-kafkarest.azurehdinsight.net:443\r\n"
                 "User-Agent: hdikafka/0.1\r\n\r\n"},
             row{"https://Host:8443", "http://user:pa%40ss%2Fw%3ard@proxy", "a b",
                 "CONNECT host:8443 HTTP/1.1\r\nHost: host:8443\r\nUser-Agent: a b\r\n"
                 "Proxy-Authorization: Basic dXNlcjpwYUBzcy93OnJk\r\n\r\n"},
             row{"https://[2001:DB8::1]", "user@proxy", "",
                 "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
                 "Proxy-Authorization: Basic dXNlcjo=\r\n\r\n"},
             row{"https://10.0.0.1:80", "proxy", "agent",
                 "CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: agent\r\n\r\n"},
             row{"https://host", "proxy", "agent\r\nAuthorization: Bearer token",
                 "CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n"},
             row{"https://host", "proxy", " agent", "CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n"},
         }) {
        INFO(each.target << ", " << each.user_agent);
        auto const proxy = parse_proxy(each.proxy);
        REQUIRE(proxy);
        CHECK(connect_request(to(each.target), proxy.value(), each.user_agent).text() == each.request);
    }
}
