// A public collection of JSON parsing cases: y_*.json must be accepted, n_*.json refused, i_*.json is left to
// the parser, which must survive it. The folder is named by the environment variable HDIKAFKA_JSON_SUITE;
// without it a small set of this project's own runs instead, and says so.
#include <hdikafka/json.hpp>

#include "support/json/json_texts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct test_case
{
    std::string name; // y_…, n_… or i_…
    std::string text;
};

std::vector<test_case> built_in()
{
    return {
        {"y_empty_array", "[]"},
        {"y_blanks", " \t\r\n{ } "},
        {"y_scalar", "-0.5e-7"},
        {"y_escapes", R"("\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00")"},
        {"y_utf8", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"y_same_name_twice", R"({"a":1,"a":2})"},
        {"y_depth_512", std::string(512, '[') + std::string(512, ']')},
        {"n_empty", ""},
        {"n_blank", "  "},
        {"n_trailing_comma", "[1,]"},
        {"n_no_comma", "[1 2]"},
        {"n_unclosed", "[{\"a\":[1"},
        {"n_wrong_bracket", "[1}"},
        {"n_leading_zero", "[01]"},
        {"n_plus", "[+1]"},
        {"n_no_fraction", "[1.]"},
        {"n_nan", "[NaN]"},
        {"n_word", "[nul]"},
        {"n_control_in_string", "[\"a\nb\"]"},
        {"n_escape", R"(["\x41"])"},
        {"n_short_unicode_escape", R"(["\u12"])"},
        {"n_comment", "[1/**/]"},
        {"n_surplus", "{}1"},
        {"n_not_utf8", "[\"\xff\"]"},
        {"n_depth_100000", std::string(100'000, '[')},
        {"i_half_surrogate", R"(["\ud800"])"},
        {"i_huge_number", "[1e999]"},
        {"i_byte_order_mark", "\xef\xbb\xbf{}"},
    };
}

/// The files of the collection; none when it cannot be read.
std::vector<test_case> read_folder(std::filesystem::path const& folder)
{
    std::vector<test_case> cases;
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (entry.path().extension() != ".json")
            continue;
        std::ifstream file(entry.path(), std::ios::binary);
        REQUIRE_MESSAGE(file, "cannot read ", entry.path().string());
        cases.push_back(
            {entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(file), {})});
    }
    std::sort(cases.begin(), cases.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    return cases;
}

/// Asks the value everything; a refusal is fine, anything else that goes wrong is not.
void ask_everything(hdikafka::json_view value)
{
    auto const ask = [](auto question) {
        try {
            question();
        } catch (hdikafka::error const&) {
        }
    };
    ask([&] { value.as_string(); });
    ask([&] { value.as_int64(); });
    ask([&] { value.as_uint64(); });
    ask([&] { value.as_double(); });
    ask([&] { value.as_bool(); });
}

bool accepted(std::string_view text)
{
    test::exact_text const exact(text);
    auto const value = hdikafka::json::try_parse(exact.view());
    CHECK(test::valid_json(exact.view()) == bool(value));
    CHECK(test::pull_document(exact.view()) == bool(value));
    if (value) {
        ask_everything(value.value());
        hdikafka::detail::json_reader in(exact.view()); // and the values within an array or an object
        std::string_view slice;
        if (in.peek() == hdikafka::json_kind::array && in.enter_array())
            while (in.next_element() && in.value(slice))
                ask_everything({hdikafka::detail::validated_json(), slice});
        else if (in.peek() == hdikafka::json_kind::object && in.enter_object())
            while (in.next_member(slice) && in.value(slice))
                ask_everything({hdikafka::detail::validated_json(), slice});
    }
    return bool(value);
}

} // namespace

TEST_CASE("the parsing collection's cases are judged as it says")
{
    char const* const folder = std::getenv("HDIKAFKA_JSON_SUITE");
    if (folder == nullptr)
        std::cout << "HDIKAFKA_JSON_SUITE is not set: only the built-in cases run\n";
    auto const cases = folder == nullptr ? built_in() : read_folder(folder);

    std::size_t must_accept = 0;
    std::size_t must_refuse = 0;
    std::size_t open_accepted = 0;
    std::size_t open_refused = 0;
    for (auto const& [name, text] : cases) {
        CAPTURE(name);
        bool const ok = accepted(text);
        if (name.starts_with("y_")) {
            ++must_accept;
            CHECK(ok);
        } else if (name.starts_with("n_")) {
            ++must_refuse;
            CHECK_FALSE(ok);
        } else {
            CHECK(name.starts_with("i_"));
            ++(ok ? open_accepted : open_refused);
        }
    }
    std::cout << "JSON cases: " << must_accept << " to accept, " << must_refuse << " to refuse, "
              << open_accepted + open_refused << " open (" << open_accepted << " accepted, " << open_refused
              << " refused)\n";

    // A folder that is missing, empty or cut short is a failure, not a pass.
    CHECK(must_accept >= (folder == nullptr ? 7U : 90U));
    CHECK(must_refuse >= (folder == nullptr ? 18U : 180U));
    CHECK(open_accepted + open_refused >= (folder == nullptr ? 3U : 30U));
}
