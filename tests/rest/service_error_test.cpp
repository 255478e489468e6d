// What an error says of a server's answer: where a redirect leads, and nothing that is secret.
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/service_error.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

TEST_CASE("a secret is taken out of the service's words, a short one where it is a word")
{
    auto const without = [](std::string_view secret, std::string_view text) {
        std::string out(text);
        redact(out, std::vector<std::string>{std::string(), std::string(secret)});
        return out;
    };
    std::string const in_full = "secret-of-16-chars"; // also in the middle of something longer
    CHECK(without(in_full, "xx" + in_full + "yy" + in_full) == "xxREDACTEDyyREDACTED");
    CHECK(without("12345678", "a12345678b") == "aREDACTEDb");
    for (std::string const secret : {"s3cr3t", "abc", "x", "a-b-c", "7 chars"}) {
        CAPTURE(secret);
        CHECK(without(secret, secret) == "REDACTED");
        CHECK(without(secret, "the secret '" + secret + "' is wrong") == "the secret 'REDACTED' is wrong");
        CHECK(without(secret, "client_secret=" + secret + "&next=one") == "client_secret=REDACTED&next=one");
        CHECK(without(secret, secret + " " + secret + "," + secret) == "REDACTED REDACTED,REDACTED");
        CHECK(without(secret, "as" + secret + " " + secret + "s 1" + secret + "\xc3\xa9") ==
              "as" + secret + " " + secret + "s 1" + secret + "\xc3\xa9");
    }
    // Where the secret ends with something that is in no word, nothing can hide it.
    CHECK(without("!ab!", "x!ab!y !ab!ab!") == "xREDACTEDy REDACTEDab!");
    CHECK(without("aa", "aaa aa aaaa") == "aaa REDACTED aaaa");
    CHECK(without("ab-ab", "xab-ab-ab") == "xab-REDACTED");
}

TEST_CASE("a redirect names the host that it leads to, or says what there is instead")
{
    std::string_view const same = "to another path of the same host";
    std::string_view const unreadable = "to a Location that is no URL of http or https";
    std::pair<std::string_view, std::string_view> const locations[] = {
        {"", "without a Location"},
        {"/elsewhere?sig=abc", same},
        {"elsewhere:sig=abc", unreadable},
        {"./elsewhere:sig=abc", same},
        {"?sig=abc", same},
        {"#sig=abc", same},
        {"\xff", same},
        {"//Login.example.org/a?sig=abc", "to login.example.org"},
        {"//login.example.org", "to login.example.org"},
        {"HTTPS://login.example.org:8443?sig=abc", "to login.example.org"},
        {"http://login.example.org/a b|c#sig=abc", "to login.example.org"},
        {"https://user:sig=abc@login.example.org/", "to login.example.org"},
        {"https://user:sig=abc@[2001:DB8::1]/", "to 2001:db8::1"},
        {"https://", unreadable},
        {"https:sig=abc", unreadable},
        {"https:/sig=abc", unreadable},
        {"https://sig=abc", unreadable},
        {"https://a b", unreadable},
        {"ftp://login.example.org/sig=abc", unreadable},
        {"javascript:sig=abc", unreadable},
        {":sig=abc", unreadable},
        {"//", unreadable},
    };
    for (auto const& [location, said] : locations) {
        CAPTURE(location);
        auto const other = describe_status(308, "", location, hk::diagnostics());
        CHECK(other.code() == hk::errc::redirected);
        std::string_view const what = other.what();
        CAPTURE(what);
        CHECK(what.ends_with(said));
        CHECK(what.find("sig=abc") == std::string_view::npos);
    }
}
