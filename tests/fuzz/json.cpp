// JSON: the reader, the values that users look at, and what reads the service's answers with it; held against
// json_reference.hpp and the C library's numbers.
#include "fuzz.hpp"
#include "json_reference.hpp"

#include "../support/json/json_texts.hpp"

#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using fuzz::require;
using hdikafka::errc;
using hdikafka::json;
using hdikafka::json_kind;
using hdikafka::json_view;

/// The answer to a question about a value, or nothing when that is the wrong kind or does not fit.
template <class Ask>
auto ask(json_view value, Ask question) -> std::optional<decltype(std::invoke(question, value))>
{
    try {
        return std::invoke(question, value);
    } catch (hdikafka::error const& refusal) {
        require(refusal.code() == errc::wrong_kind || refusal.code() == errc::out_of_range ||
                    refusal.code() == errc::invalid_utf8,
                "a value refuses with one of three codes");
        return std::nullopt;
    }
}

/// As the service's answers are read: alone, and with something behind it.
void check_integer(std::string const& text, std::optional<std::int64_t> expected)
{
    std::int64_t value = 0;
    hdikafka::detail::json_reader alone(text);
    require(alone.integer(value) == expected.has_value(), "an integer is read when it fits");
    require(!expected || value == *expected, "an integer that is read is the same");
    std::string const list = "[" + text + "]";
    hdikafka::detail::json_reader in(list);
    require(in.enter_array() && in.next_element(), "an array has its element");
    require(in.integer(value) == expected.has_value(), "an integer is read when it fits, in an array");
    require(!expected || (value == *expected && !in.next_element() && in.finish()), "it ends where it ends");
}

void check_number(json_view value)
{
    std::string const text(value.text());
    bool const integer = text.find_first_of(".eE") == std::string::npos;

    errno = 0;
    auto const as_long = std::strtoll(text.c_str(), nullptr, 10);
    bool const fits = integer && errno == 0;
    require(ask(value, &json_view::as_int64) == (fits ? std::optional(as_long) : std::nullopt),
            "a number is the int64 that strtoll says");
    check_integer(text, fits ? std::optional(as_long) : std::nullopt);

    errno = 0;
    auto const as_unsigned = std::strtoull(text.c_str(), nullptr, 10);
    bool const fits_unsigned = integer && errno == 0 && (text[0] != '-' || text == "-0");
    require(ask(value, &json_view::as_uint64) == (fits_unsigned ? std::optional(as_unsigned) : std::nullopt),
            "a number is the uint64 that strtoull says");

    auto const as_double = std::strtod(text.c_str(), nullptr);
    auto const ours = ask(value, &json_view::as_double);
    require(ours.has_value() == std::isfinite(as_double), "a number fits a double when strtod says so");
    if (!ours)
        return;
    require(*ours == as_double && std::signbit(*ours) == std::signbit(as_double),
            "a number is the double that strtod says");
    require(json(*ours).view().as_double() == *ours, "a double that is written reads the same");
}

void check_string(json_view value)
{
    auto const text = ask(value, &json_view::as_string);
    auto const raw = value.text().substr(1, value.text().size() - 2);
    auto const units = fuzz::utf16(raw, true);
    require(text.has_value() == fuzz::has_no_half_pair(units), "a string is refused for half a pair alone");
    if (!text)
        return;
    require(fuzz::is_utf8(*text) && fuzz::utf16(*text, false) == units, "a string has its characters");
    require(json(*text).view().as_string() == *text, "a string that is written reads the same");
    require(test::json_equals(raw, *text), "a string equals what it stands for");
}

/// Only for the outermost value: a refusal throws, which takes a thousand times as long as all else.
void check_refusals(json_view value)
{
    auto const kind = value.kind();
    bool const number = kind == json_kind::number;
    require(kind == json_kind::string || !ask(value, &json_view::as_string), "only a string is one");
    require(kind == json_kind::boolean || !ask(value, &json_view::as_bool), "only a boolean is one");
    require(number || !ask(value, &json_view::as_int64), "only a number is an int64");
    require(number || !ask(value, &json_view::as_uint64), "only a number is a uint64");
    require(number || !ask(value, &json_view::as_double), "only a number is a double");
}

/// A value, and all that is in it, each read alone.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the reader allows
void check_value(json_view value, std::size_t& deepest, std::size_t depth = 0)
{
    deepest = std::max(deepest, depth);
    auto const kind = value.kind();
    require(value.is_null() == (value.text() == "null"), "null is one text alone");
    if (kind == json_kind::string)
        check_string(value);
    if (kind == json_kind::number)
        check_number(value);
    if (kind == json_kind::boolean)
        require(value.as_bool() == (value.text() == "true"), "true is one text alone");

    hdikafka::detail::json_reader in(value.text());
    std::string_view name;
    std::string_view slice;
    auto const look_at_item = [&] { // NOLINT(misc-no-recursion): the same
        require(in.value(slice), "what is in a value can be read");
        check_value(json_view(hdikafka::detail::validated_json(), slice), deepest, depth + 1);
    };
    if (kind == json_kind::array && in.enter_array())
        while (in.next_element())
            look_at_item();
    else if (kind == json_kind::object && in.enter_object())
        while (in.next_member(name))
            look_at_item();
    else
        in.skip();
    require(in.finish(), "a value in another is one by itself");
}

using hdikafka::detail::batch_request;

hdikafka::result<hdikafka::record_batch> read_records(std::string_view text, batch_request const& asked)
{
    hdikafka::detail::byte_buffer body;
    body.reserve(text.size()); // exactly: ASan sees every look beyond it
    body.append(text);
    return hdikafka::detail::parse_batch(std::move(body), std::nullopt, asked);
}

/// The text as an answer with records.
void check_batch(std::string_view text, bool is_json)
{
    auto const all = read_records(text, batch_request(0, 0, 1000));
    auto const some = read_records(text, batch_request(0, 2, 10, 5));
    require(all || !some || some.value().empty(), "what was asked for makes no record valid");
    if (!all)
        return;
    require(is_json || !all.value().empty(), "of what is no JSON only the records before are read");
    std::int64_t next = 0;
    std::size_t wanted = 0;
    for (auto const& record : all.value()) {
        require(record.offset() >= next, "offsets rise");
        next = record.offset() + 1;
        wanted += record.offset() >= 2 && record.offset() < 5 ? 1 : 0;
        require(json::parse(record.value().text()).text() == record.value().text(), "a record has a value");
        if (auto const key = record.key())
            require(json::parse(key->text()).text() == key->text(), "a key is a value");
        require(record.partition() == 0, "records are of the partition that was asked for");
        static_cast<void>(record.timestamp());
        static_cast<void>(record.timestamp_type());
    }
    require(all.value().next_offset() == next, "the next read begins behind the last record");
    require(some || wanted == 0, "records that were asked for are given");
    require(!some || some.value().size() == wanted,
            "records that were not asked for are left out, no others");
}

/// A value as a record's key and value.
void check_record(std::string_view text, json_view value)
{
    std::string const body =
        R"([{"offset":7,"key":)" + std::string(text) + R"(,"value":)" + std::string(text) + "}]";
    auto const batch = read_records(body, batch_request(3, 0, 1));
    require(static_cast<bool>(batch), "a value can be a record's");
    require(batch.value().size() == 1, "the record is there");
    require(batch.value()[0].key() == value && batch.value()[0].value() == value, "it has the value");
}

/// The other answers that are JSON.
void check_answers(std::string_view text, bool is_json)
{
    using namespace hdikafka::detail;
    bool const read = static_cast<bool>(parse_brokers(text)) || static_cast<bool>(parse_topics(text)) ||
                      static_cast<bool>(parse_partitions(text)) || static_cast<bool>(parse_partition(text)) ||
                      static_cast<bool>(parse_token_response(text, std::chrono::system_clock::time_point()));
    require(!read || is_json, "answers are read from JSON alone");
    if (auto const receipt = parse_receipt(text, "application/json", 3)) {
        require(is_json || text.find_first_not_of(" \t\r\n") == std::string_view::npos,
                "a receipt is JSON or nothing");
        require(receipt.value().size() == 3, "there is an outcome for each record");
    }
    auto const words = parse_service_words(text);
    require(words.code.size() <= max_server_message && words.message.size() <= max_server_message,
            "the service's words are bounded");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    auto const parsed = json::try_parse(text);
    bool const is_json = static_cast<bool>(parsed);
    bool const is_utf8 = fuzz::is_utf8(text);
    require(hdikafka::detail::valid_utf8(text) == is_utf8, "two readers agree on what is UTF-8");
    require(is_json == (is_utf8 && fuzz::json_grammar(text).document()), "two readers agree on what is JSON");
    require(test::valid_json(text) == is_json, "passing over a value validates it as well");
    require(test::pull_document(text) == is_json, "reading it piece by piece validates it as well");
    check_batch(text, is_json);
    check_answers(text, is_json);
    if (!is_json) {
        auto const code = parsed.error().code();
        require(code == errc::invalid_json || code == errc::too_deep,
                "what is not JSON is refused with its code");
        return 0;
    }
    auto const value = parsed.value().view();
    require(json::parse(value.text()) == value, "what was parsed can be parsed again");
    check_refusals(value);
    std::size_t depth = 0;
    check_value(value, depth);
    if (depth + 3 <= hdikafka::detail::json_reader::max_depth)
        check_record(text, value);
    return 0;
}
