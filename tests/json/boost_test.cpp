// Boost.JSON as a second opinion: on generated documents, sound and damaged, both must accept the same
// and read the same values; and Boost.JSON must read back what the writer writes.
//
// Where the two differ by design, the documents are counted, not compared:
// - Half of a surrogate pair: RFC 8259 (section 8.2) leaves "\ud800" within the grammar, so the text is
//   JSON here and only as_string() refuses it. Boost.JSON refuses the document.
// - An exponent beyond 2^31: within the grammar; here it is accepted, and as_double() judges its value.
//   Boost.JSON refuses the document.
// - Depth: 512 levels here; Boost.JSON's default of 32 is raised to the same number, so it must agree.
// - Numbers beyond double: as_double() refuses them, Boost.JSON gives infinity; both must say so together.
// - Zero with an exponent beyond double's range ("0e400"): zero here, NaN from Boost.JSON 1.81.
// - Doubles: Boost.JSON 1.81 may be off in the last digits, so it is compared loosely there, and strtod
//   exactly. Integers are compared exactly.
// - A name that comes twice: Boost.JSON keeps the last member; the reader gives all, the last is compared.
#include <hdikafka/json.hpp>

#include "support/json/json_texts.hpp"

#include <boost/json/src.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace hk = hdikafka;
using hk::json;
using hk::json_kind;
using hk::json_view;

namespace {

boost::json::value parse(std::string_view text, boost::json::error_code& failure)
{
    boost::json::parse_options options;
    options.max_depth = hk::detail::json_reader::max_depth;
    return boost::json::parse(text, failure, {}, options);
}

bool close(double a, double b)
{
    return a == b || std::abs(a - b) <= 1e-14 * std::max(std::abs(a), std::abs(b)) ||
           (std::abs(a) < 1e-300 && std::abs(b) < 1e-300);
}

bool same_number(json_view ours, boost::json::value const& theirs)
{
    if (auto const* number = theirs.if_int64())
        return ours.as_int64() == *number;
    if (auto const* number = theirs.if_uint64())
        return ours.as_uint64() == *number;
    auto const* number = theirs.if_double();
    if (number == nullptr)
        return false;
    auto const exact = std::strtod(std::string(ours.text()).c_str(), nullptr);
    try {
        auto const value = ours.as_double();
        return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(exact) &&
               (close(value, *number) || (value == 0 && std::isnan(*number)));
    } catch (hk::error const& failure) {
        return failure.code() == hk::errc::out_of_range && std::isinf(*number) && std::isinf(exact);
    }
}

bool same(json_view ours, boost::json::value const& theirs)
{
    hk::detail::json_reader in(ours.text());
    std::string_view slice;
    switch (ours.kind()) {
    case json_kind::null: return theirs.is_null();
    case json_kind::boolean: return theirs.is_bool() && theirs.get_bool() == ours.as_bool();
    case json_kind::number: return theirs.is_number() && same_number(ours, theirs);
    case json_kind::string:
        return theirs.is_string() && std::string_view(theirs.get_string()) == ours.as_string();
    case json_kind::array: {
        if (!theirs.is_array() || !in.enter_array())
            return false;
        std::size_t count = 0;
        while (in.next_element()) {
            if (!in.value(slice) || count == theirs.get_array().size() ||
                !same(json_view(hk::detail::validated_json(), slice), theirs.get_array()[count]))
                return false;
            ++count;
        }
        return in.finish() && count == theirs.get_array().size();
    }
    case json_kind::object: {
        if (!theirs.is_object() || !in.enter_object())
            return false;
        std::map<std::string, std::string_view> members;
        std::string_view raw;
        std::string name;
        while (in.next_member(raw)) {
            if (!hk::detail::json_unescape(raw, name) || !in.value(slice))
                return false;
            members[name] = slice;
        }
        if (!in.finish() || members.size() != theirs.get_object().size())
            return false;
        return std::all_of(members.begin(), members.end(), [&](auto const& member) {
            auto const* value = theirs.get_object().if_contains(member.first);
            return value != nullptr && same(json_view(hk::detail::validated_json(), member.second), *value);
        });
    }
    }
    return false;
}

/// Whether a string of the document, a name or a value, has half of a surrogate pair.
bool has_half_surrogate(std::string_view text)
{
    std::string scratch;
    for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at)) {
        hk::detail::json_reader in(text.substr(at));
        std::string_view raw;
        if (!in.string(raw))
            return false;
        if (!hk::detail::json_unescape(raw, scratch))
            return true;
        at += in.position();
    }
    return false;
}

bool has_huge_exponent(std::string_view text)
{
    std::size_t digits = 0;
    bool exponent = false;
    for (char character : text) {
        bool const digit = character >= '0' && character <= '9';
        exponent = character == 'e' || character == 'E' ||
                   (exponent && (digit || character == '+' || character == '-'));
        digits = exponent && digit ? digits + 1 : 0;
        if (digits >= 10)
            return true;
    }
    return false;
}

} // namespace

TEST_CASE("100,000 documents, sound and damaged, are judged and read alike")
{
    constexpr std::uint64_t seed = 8259;
    MESSAGE("seed ", seed);
    test::json_generator generator(seed);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    std::size_t half_surrogates = 0;
    std::size_t huge_exponents = 0;
    for (int round = 0; round != 100'000; ++round) {
        auto const text = round % 2 == 0 ? generator.document() : generator.damage(generator.document());
        auto const ours = json::try_parse(text);
        boost::json::error_code failure;
        auto const theirs = parse(text, failure);
        if (ours && failure) {
            if (has_half_surrogate(text))
                ++half_surrogates;
            else if (failure == boost::json::error::exponent_overflow && has_huge_exponent(text))
                ++huge_exponents;
            else
                FAIL("accepted here, refused by Boost.JSON (", failure.message(), "): ", text);
            continue;
        }
        if (!ours && !failure)
            FAIL("refused here, accepted by Boost.JSON: ", text);
        if (ours && !same(ours.value(), theirs))
            FAIL("read differently: ", text);
        ++(ours ? accepted : refused);
    }
    MESSAGE(accepted, " accepted by both, ", refused, " refused by both, ", half_surrogates,
            " with half a surrogate pair, ", huge_exponents, " with a huge exponent");
    CHECK(accepted > 50'000);
    CHECK(refused > 20'000);
    CHECK(half_surrogates + huge_exponents < 5'000);
}

TEST_CASE("the depth limit is counted alike")
{
    for (std::size_t depth : {511U, 512U, 513U}) {
        auto const text = std::string(depth, '[') + std::string(depth, ']');
        boost::json::error_code failure;
        parse(text, failure);
        CHECK(bool(json::try_parse(text)) == !failure);
        CHECK(bool(json::try_parse(text)) == (depth <= 512));
    }
}

TEST_CASE("numbers at the edges are read alike")
{
    test::json_generator generator(1);
    for (int round = 0; round != 20'000; ++round) {
        auto const text = generator.number();
        boost::json::error_code failure;
        auto const theirs = parse(text, failure);
        REQUIRE_FALSE(failure);
        if (!same(json::parse(text), theirs))
            FAIL("read differently: ", text);
    }
}

TEST_CASE("Boost.JSON reads back everything that the writer writes")
{
    constexpr std::uint64_t seed = 3629;
    MESSAGE("seed ", seed);
    test::json_generator generator(seed);
    auto const bits = [&] {
        return std::uint64_t(generator.below(1ULL << 32)) << 32 | generator.below(1ULL << 32);
    };
    for (int round = 0; round != 30'000; ++round) {
        std::string text;
        for (auto left = generator.below(30); left != 0; --left) {
            constexpr char32_t limits[] = {0x22, 0x80, 0x800, 0x10000, 0x110000};
            auto const point = static_cast<char32_t>(generator.below(limits[generator.below(5)]));
            if (point < 0xd800 || point > 0xdfff)
                hk::detail::append_utf8(text, point);
        }
        auto const number = bits() >> generator.below(64);
        auto real = std::bit_cast<double>(bits());
        if (!std::isfinite(real))
            real = 0.5;

        std::string document = "{";
        REQUIRE(hk::detail::append_json_string(document, text));
        document += ":[";
        hk::detail::append_json_integer(document, static_cast<std::int64_t>(number));
        document += ',';
        hk::detail::append_json_integer(document, number);
        document += ',';
        REQUIRE(hk::detail::append_json_double(document, real));
        document += ',';
        document += json(text).text();
        document += ',';
        document += json(round % 2 == 0).text();
        document += ',';
        document += json().text();
        document += "]}";

        boost::json::error_code failure;
        auto const theirs = parse(document, failure);
        if (failure || !same(json::parse(document), theirs))
            FAIL("read differently: ", document);
        auto const* values = theirs.get_object().if_contains(text);
        REQUIRE(values != nullptr);
        auto const& array = values->get_array();
        bool const equal = array[0].to_number<std::int64_t>() == static_cast<std::int64_t>(number) &&
                           array[1].to_number<std::uint64_t>() == number &&
                           (std::abs(real) > 1e308 || close(array[2].to_number<double>(), real)) &&
                           std::string_view(array[3].get_string()) == text &&
                           array[4].get_bool() == (round % 2 == 0) && array[5].is_null();
        if (!equal)
            FAIL("not what was written: ", document);
    }
}
