// url, addresses and the encodings of text.
#include <hdikafka/detail/http/ip_address.hpp>
#include <hdikafka/detail/http/url.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using hdikafka::errc;
using hdikafka::detail::append_form;
using hdikafka::detail::append_percent_encoded;
using hdikafka::detail::ipv6_text;
using hdikafka::detail::is_ip_address;
using hdikafka::detail::is_loopback;
using hdikafka::detail::parse_ipv4;
using hdikafka::detail::parse_url;
using hdikafka::detail::unreserved_marks;
using hdikafka::detail::url;
using std::string;

url parsed(string const& text)
{
    CAPTURE(text);
    auto const result = parse_url(text);
    REQUIRE(result);
    return result.value();
}

/// The reason; it never repeats what was given, which may hold a password.
string refused(string const& text)
{
    CAPTURE(text);
    auto const result = parse_url(text);
    if (result) {
        FAIL_CHECK("was not refused");
        return "";
    }
    CHECK(result.error().code() == errc::invalid_endpoint);
    CHECK(result.error().cause().starts_with("the URL "));
    return result.error().cause().substr(8);
}

} // namespace

TEST_CASE("a cluster's endpoint is cut into its parts")
{
    auto const u = parsed("https://cluster-kafkarest.azurehdinsight.net");
    CHECK(u.scheme == "https");
    CHECK(u.is_https());
    CHECK(u.host == "cluster-kafkarest.azurehdinsight.net");
    CHECK(u.port == 443);
    CHECK(u.path == "/");
    CHECK_FALSE(u.host_is_address());
    CHECK(u.host_field() == "cluster-kafkarest.azurehdinsight.net");
}

TEST_CASE("scheme and host are in lower case, the path is as it was")
{
    auto const u = parsed("HTTPS://Cluster.Example.NET:9400/Tenant/x%2Fy?q=A&b");
    CHECK(u.scheme == "https");
    CHECK(u.host == "cluster.example.net");
    CHECK(u.port == 9400);
    CHECK(u.path == "/Tenant/x%2Fy?q=A&b");
    CHECK(u.host_field() == "cluster.example.net:9400");
    CHECK(parsed("https://h?q").path == "/?q");
    CHECK(parsed("https://h/?a=b?c@d:").path == "/?a=b?c@d:");
}

TEST_CASE("a Host field has the port only where it is not the scheme's own")
{
    CHECK(parsed("https://h:443").host_field() == "h");
    CHECK(parsed("https://h:80").host_field() == "h:80");
    CHECK(parsed("http://h:80").host_field() == "h");
    CHECK(parsed("http://h").port == 80);
    CHECK(parsed("http://h:443").host_field() == "h:443");
    CHECK(parsed("https://h:0443").host_field() == "h");
    CHECK(parsed("https://h:65535").port == 65535);
    CHECK(parsed("https://h:1").port == 1);
}

TEST_CASE("an address is told from a name")
{
    auto const v6 = parsed("https://[2001:DB8::1]:9400/");
    CHECK(v6.host == "2001:db8::1");
    CHECK(v6.host_is_address());
    CHECK(v6.host_field() == "[2001:db8::1]:9400");
    CHECK(parsed("https://[::1]").host_field() == "[::1]");
    CHECK(parsed("https://127.0.0.1:9400").host_is_address());
    CHECK_FALSE(parsed("https://1.2.3.4.example").host_is_address());
}

TEST_CASE("a URL that is not absolute http or https is refused with the reason")
{
    CHECK(refused("") == "is empty");
    for (string const text : {"cluster", "cluster.net/x", "//cluster", "/x", "ftp://h", "https:/h", "https:h",
                              "https//h", "://h", "h:443", "httpss://h", "xhttps://h"})
        CHECK(refused(text) == "does not start with https://");
    for (string const text : {"https://", "https:///x", "https://?x", "https://:443"})
        CHECK(refused(text) == "has no host");
}

TEST_CASE("user names and passwords are refused, and not repeated")
{
    for (string const text :
         {"https://user@h", "https://user:secret@h/", "https://@h", "https://h:443@evil", "https://a@b@c"})
        CHECK(refused(text) == "has a user name or a password");
}

TEST_CASE("blanks, controls, other than ASCII, and fragments are refused")
{
    for (string const& text :
         {string(" https://h"), string("https://h "), string("https://h/a b"), string("https://h\r\nX: y"),
          string("https://h\n"), string("https://h/\0", 11), string("https://h/\t"), string("https://h\x7f"),
          string("https://\xc3\xa9.example"), string("https://h/\xc3\xa9")})
        CHECK(refused(text) == "has a blank, a control character or a character that is not ASCII");
    CHECK(refused("https://h/#f") == "has a fragment");
    CHECK(refused("https://h#f") == "has a fragment");
    CHECK(refused("https://h/" + string(8200, 'x')) == "is too long");
}

TEST_CASE("a port is 1 to 65535")
{
    for (string const port : {"", "0", "65536", "00", "99999999999999999999", "4294967739"})
        CHECK(refused("https://h:" + port) == "has a port that is not between 1 and 65535");
    for (string const port : {"x", "44x", "+443", "-1", "4:4", "443:"})
        CHECK(refused("https://h:" + port + "/") == "has a port that is not a number");
}

TEST_CASE("a host is a name of sound labels or an address in its one spelling")
{
    for (string const host :
         {"h_1-x.example", "localhost", "xn--bcher-kva.example", "1and1.com", "3com", "0x7f.example"})
        CHECK(parsed("https://" + host).host == host);
    for (string const& host :
         {string("a..b"), string(".a"), string("a."), string("."), string(64, 'a') + ".b"})
        CHECK(refused("https://" + host) == "has a host name with an empty or too long part");
    for (string const host : {"a,b", "a%41", "a;b", "a\\b", "a!b", "*.a", "a|b", "(a)", "a=b", "h]"})
        CHECK(refused("https://" + host) == "has a host name with a character that may not stand there");
    string longest;
    for (int i = 0; i != 63; ++i)
        longest += "abc.";
    CHECK(parsed("https://" + longest + "a").host.size() == 253);
    CHECK(refused("https://" + longest + "ab") == "has a host name that is too long");
    for (string const host : {"127.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.04", "0x7f.0.0.1",
                              "2130706433", "0x7f000001", "1.2.3.0x4", "a.1", "0x"})
        CHECK(refused("https://" + host) ==
              "has a host that is neither a name nor an IPv4 address of four numbers");
    for (string const host :
         {"[]", "[h]", "[1.2.3.4]", "[::1", "[::1%eth0]", "[::1]]", "[[::1]]", "[::g]", "["}) {
        auto const reason = refused("https://" + host);
        CHECK((reason == "has brackets without an IPv6 address in them" ||
               reason == "has something between its host and its port"));
    }
    CHECK(refused("https://[::1]x") == "has something between its host and its port");
    CHECK(refused("https://[::1]443") == "has something between its host and its port");
    CHECK_FALSE(refused("https://::1").empty());
}

TEST_CASE("a path must be encoded already")
{
    for (string const path : {"/a\"b", "/<", "/>", "/a[1]", "/]", "/a\\b", "/^", "/`", "/{a}", "/|", "?a=\""})
        CHECK(refused("https://h" + path) == "has a character in its path that must be percent-encoded");
    for (string const path : {"/%", "/%4", "/%4g", "/%g4", "/a%", "/%%41"})
        CHECK(refused("https://h" + path) == "has a '%' in its path without two hexadecimal digits");
    // The digit behind the end is not part of the text.
    CHECK_FALSE(parse_url(std::string_view("https://h/%41").substr(0, 12)));
}

TEST_CASE("IPv4: four numbers, nothing else")
{
    CHECK(parse_ipv4("192.168.0.255") == std::array<std::uint8_t, 4>{192, 168, 0, 255});
    CHECK(parse_ipv4("0.0.0.0"));
    for (string const text :
         {"", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256",
          "1.2.3.1000", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d", "1.2.3.+4", "-1.2.3.4", "1.2.3.4/8"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_ipv4(text));
    }
}

TEST_CASE("IPv6: the spellings of RFC 4291")
{
    auto const hex = [](std::string_view text) {
        auto const address = ipv6_text::parse(text);
        string out;
        for (auto const byte : address.value_or(ipv6_text::address{}))
            out += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        return address ? out : "no address";
    };
    CHECK(hex("2001:0db8:0:1:2:3:4:5") == "20010db8000000010002000300040005");
    CHECK(hex("2001:DB8::5") == "20010db8000000000000000000000005");
    CHECK(hex("::") == string(32, '0'));
    CHECK(hex("::1") == string(31, '0') + "1");
    CHECK(hex("1::") == "0001" + string(28, '0'));
    CHECK(hex("1:2:3:4:5:6:7::") == "00010002000300040005000600070000");
    CHECK(hex("::2:3:4:5:6:7:8") == "00000002000300040005000600070008");
    CHECK(hex("1:2:3::7:8") == "00010002000300000000000000070008");
    CHECK(hex("::ffff:127.0.0.1") == "00000000000000000000ffff7f000001");
    CHECK(hex("1:2:3:4:5:6:1.2.3.4") == "00010002000300040005000601020304");
    CHECK(hex("64:ff9b::192.0.2.33") == "0064ff9b0000000000000000c0000221");
    for (string const text : {"",
                              ":",
                              ":::",
                              "1",
                              "1:",
                              ":1",
                              "1:2",
                              "1:2:3:4:5:6:7",
                              "1:2:3:4:5:6:7:",
                              "1:2:3:4:5:6:7:8:",
                              "1:2:3:4:5:6:7:8:9",
                              ":1:2:3:4:5:6:7:8",
                              "1::2::3",
                              "::1::",
                              "12345::",
                              "g::",
                              "::1%lo",
                              "1:2:3:4:5:6:7::8",
                              "1:2:3:4:5:6:7:8::",
                              "::1:2:3:4:5:6:7:8",
                              "1:2:3:4:5:6:7:1.2.3.4",
                              "::1.2.3.4:1",
                              "1.2.3.4::",
                              "::1.2.3",
                              "::256.1.1.1",
                              " ::1",
                              "::1 ",
                              "1:2:3:4:5:1.2.3.4",
                              "+1::",
                              "[::1]"}) {
        CAPTURE(text);
        CHECK(hex(text) == "no address");
    }
}

TEST_CASE("loopback: localhost, 127.0.0.0/8 and ::1 in every spelling, nothing else")
{
    for (string const host : {"localhost", "127.0.0.1", "127.255.3.4", "::1", "0:0:0:0:0:0:0:1", "0::0:1",
                              "::ffff:127.0.0.1", "::ffff:7f01:203"}) {
        CAPTURE(host);
        CHECK(is_loopback(host));
    }
    for (string const host : {"", "localhost.", "localhost.example", "a.localhost", "127.1", "128.0.0.1",
                              "126.255.255.255", "0.0.0.0", "::", "::2", "127.0.0.1.example",
                              "::ffff:128.0.0.1", "::127.0.0.1", "fe80::1", "[::1]", "1::1"}) {
        CAPTURE(host);
        CHECK_FALSE(is_loopback(host));
    }
    CHECK(is_ip_address("1.2.3.4"));
    CHECK(is_ip_address("::"));
    CHECK_FALSE(is_ip_address("localhost"));
}

string percent_encode(std::string_view text)
{
    string out;
    append_percent_encoded(out, text, unreserved_marks);
    return out;
}

TEST_CASE("header injection: percent-encoding leaves the unreserved characters alone and nothing else")
{
    string all;
    for (int c = 0; c != 256; ++c)
        all += static_cast<char>(c);
    auto const encoded = percent_encode(all);
    string const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    CHECK(encoded.size() == unreserved.size() + 3 * (256 - unreserved.size()));
    CHECK(encoded.starts_with("%00%01%02"));
    CHECK(encoded.ends_with("%FD%FE%FF"));
    CHECK(percent_encode(unreserved) == unreserved);
    CHECK(percent_encode("a/b c+d%\r\n\xc3\xa9") == "a%2Fb%20c%2Bd%25%0D%0A%C3%A9");
    CHECK(percent_encode("").empty());
}

TEST_CASE("a form's names and values are encoded, with '+' for a blank")
{
    string body;
    append_form(body, "grant_type", "client_credentials");
    append_form(body, "scope", "https://hib.azurehdinsight.net/.default");
    append_form(body, "client secret", " a+b&c=d~*-._\r\n%  ");
    append_form(body, "empty", "");
    CHECK(body == "grant_type=client_credentials&scope=https%3A%2F%2Fhib.azurehdinsight.net%2F.default"
                  "&client+secret=+a%2Bb%26c%3Dd%7E*-._%0D%0A%25++&empty=");
}
