// What is said to whoever has set up a credential that Entra refuses.
#include <hdikafka/detail/identity/entra_hints.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using std::string;

namespace {

hk::diagnostics refusal(string words, std::vector<std::int64_t> codes = {}, string code = "invalid_client")
{
    hk::diagnostics out;
    out.http_status = 401;
    out.server_code = std::move(code);
    out.server_message = std::move(words);
    out.error_codes = std::move(codes);
    return out;
}

} // namespace

TEST_CASE("the usual refusals each say what to look at")
{
    std::vector<std::pair<std::int64_t, string>> const table{{5002730, ".rs256(true)"},
                                                             {500011, ".scope()"},
                                                             {7000215, "not its id"},
                                                             {7000222, "secret has expired"},
                                                             {700027, "not registered"},
                                                             {700024, "clock"},
                                                             {700030, ".send_certificate_chain(true)"},
                                                             {90002, "no such tenant"},
                                                             {900023, "no such tenant"},
                                                             {700016, "in this tenant"},
                                                             {70021, "federated credential"},
                                                             {700211, "federated credential"},
                                                             {700212, "audience"},
                                                             {700213, "subject"},
                                                             {50076, "only a person"},
                                                             {50079, "only a person"},
                                                             {53003, "only a person"},
                                                             {1002012, "/.default"},
                                                             {70011, "/.default"},
                                                             {65001, "consented"},
                                                             {7000112, "disabled"},
                                                             {7000229, "service principal"}};
    for (auto const& [number, words] : table) {
        CAPTURE(number);
        string const by_number = refusal_in_words(refusal("No.", {number}));
        string const by_text = refusal_in_words(refusal("AADSTS" + std::to_string(number) + ": No."));
        for (string const& one : {by_number, by_text})
            CHECK(one.find(words) != string::npos);
        CHECK(by_number.starts_with("HTTP 401, invalid_client: No. ("));
    }
}

TEST_CASE("no hint speaks of topics, and no number has two")
{
    std::vector<std::int64_t> seen;
    for (entra_hint const& one : entra_hints) {
        CAPTURE(one.number);
        CHECK(one.text.find("topic") == string::npos);
        CHECK(one.text.size() < 130);
        CHECK(std::ranges::find(seen, one.number) == seen.end());
        seen.push_back(one.number);
    }
}

TEST_CASE("what is not usual is told in Entra's words alone, without what is for its support")
{
    CHECK(
        refusal_in_words(refusal("AADSTS99999: Odd.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 3")) ==
        "HTTP 401, invalid_client: AADSTS99999: Odd.");
    CHECK(refusal_in_words(refusal("AADSTS70002: Odd. Trace ID: 1", {}, "")) ==
          "HTTP 401: AADSTS70002: Odd.");
    CHECK(refusal_in_words(refusal("", {}, "")) == "HTTP 401");
    CHECK(refusal_in_words(refusal("", {}, "invalid_scope")) == "HTTP 401, invalid_scope");
    CHECK(refusal_in_words(refusal("\r\n<!DOCTYPE html><html>topic</html>", {}, "")) ==
          "HTTP 401 with a page of HTML or XML");
    CHECK(refusal_in_words(refusal(string(5'000, 'x'))).size() < 400);
}

TEST_CASE("the number is the one behind AADSTS, in full")
{
    CHECK(entra_number("AADSTS7000215: Invalid") == 7000215);
    CHECK(entra_number("ERROR: AADSTS50076") == 50076);
    CHECK(entra_number("AADSTS") == 0);
    CHECK(entra_number("AADSTS: no") == 0);
    CHECK(entra_number("7000215") == 0);
    CHECK(entra_number("AADSTS99999999999999999999") == 999999999);
    CHECK(hint_for(refusal("AADSTS70002150: longer")).empty());
    CHECK(hint_for(refusal("AADSTS1: unknown", {2, 7000222})).find("expired") != string::npos);
}
