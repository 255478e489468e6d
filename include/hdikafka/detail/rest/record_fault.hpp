// What is wrong with an answer that stops being a list of records, and which record that is. Asked only once
// it has happened: reading a sound answer pays nothing for it.
#ifndef HDIKAFKA_DETAIL_REST_RECORD_FAULT_HPP
#define HDIKAFKA_DETAIL_REST_RECORD_FAULT_HPP

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/rest/answers.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Finds the offset of a record that is no JSON, or nests too deep.
class torn_record
{
public:
    /// `text` begins with the record and goes on behind it. What it says of its partition must be
    /// `partition`.
    static std::optional<std::int64_t> offset_of(std::string_view text, std::int32_t partition)
    {
        text = up_to_next(text);
        if (auto const offset = torn_record(text).by_members(partition))
            return offset;
        for (auto at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1))
            if (auto const offset = torn_record(text.substr(at)).by_last_members(partition))
                return offset;
        return std::nullopt;
    }

private:
    using number = std::optional<std::int64_t>;

    /// The text without what may be the records behind the first, but for the brace that opens the next:
    /// their offsets must not pass for its own. What looks like that within its value leaves less to go by.
    static std::string_view up_to_next(std::string_view text) noexcept
    {
        for (auto at = text.find('}'); at != std::string_view::npos; at = text.find('}', at + 1)) {
            torn_record behind(text.substr(at + 1));
            if (!behind.take(',') || !behind.take('{'))
                continue;
            std::size_t const size = text.size() - behind.rest_.size();
            if (behind.begins_record())
                return text.substr(0, size);
        }
        return text;
    }

    /// Whether a member of a record comes next.
    bool begins_record() noexcept
    {
        skip_blanks();
        constexpr std::array<std::string_view, 6> names{R"("key")",       R"("value")",
                                                        R"("partition")", R"("offset")",
                                                        R"("timestamp")", R"("timestampType")"};
        return std::ranges::any_of(names, [this](std::string_view name) { return rest_.starts_with(name); });
    }

    /// By quotes, brackets and commas alone, at any depth.
    number by_members(std::int32_t partition)
    {
        number offset;
        number place;
        bool sound = take('{');
        for (bool more = sound; more; more = take(',')) {
            auto const which = name();
            auto const text = value();
            if (which == "offset")
                sound = sound && read_once(text, offset);
            else if (which == "partition")
                sound = sound && read_once(text, place);
        }
        sound = sound && ends();
        return sound && place.value_or(partition) == partition ? offset : std::nullopt;
    }

    /// Where quotes or brackets do not match: by the numbers that a service writes behind a value, with
    /// nothing else between the comma, at which this stands, and the record's end.
    number by_last_members(std::int32_t partition)
    {
        number offset;
        number place;
        number timestamp;
        bool type = false;
        while (take(',')) {
            auto const which = name();
            auto const text = scalar();
            bool const read = which == "offset"      ? read_once(text, offset)
                              : which == "partition" ? read_once(text, place)
                              : which == "timestamp" ? read_once(text, timestamp)
                                                     : which == "timestampType" && !std::exchange(type, true);
            if (!read)
                return std::nullopt;
        }
        return ends() && timestamp && place == partition ? offset : std::nullopt;
    }

    explicit torn_record(std::string_view text) noexcept : rest_(text) {}

    void skip_blanks() noexcept
    {
        auto const blanks = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(blanks == std::string_view::npos ? rest_.size() : blanks);
    }

    bool take(char character) noexcept
    {
        skip_blanks();
        bool const there = rest_.starts_with(character);
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }

    /// Between its quotes, the colon behind it left out; when that is not there, nothing can be read any
    /// more.
    std::string_view name() noexcept
    {
        skip_blanks();
        auto const size = string_size(rest_);
        auto const whole = rest_.substr(0, size);
        rest_.remove_prefix(size);
        if (size < 2 || !take(':')) {
            rest_ = std::string_view();
            return rest_;
        }
        return whole.substr(1, size - 2);
    }

    /// Whether the record ends here, as one of a list does.
    bool ends() noexcept { return take('}') && (take(']') || (take(',') && take('{'))); }

    /// A string with its quotes, or what comes before the next comma or bracket.
    std::string_view scalar() noexcept
    {
        skip_blanks();
        auto const end = std::min(rest_.find_first_of(",{}[] \t\r\n"), rest_.size());
        auto const size = rest_.starts_with('"') ? string_size(rest_) : end;
        auto const whole = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return whole;
    }

    /// To the comma or the bracket that ends it.
    std::string_view value() noexcept
    {
        skip_blanks();
        std::size_t at = 0;
        for (std::size_t depth = 0; at != rest_.size(); ++at) {
            char const character = rest_[at];
            bool const closes = character == '}' || character == ']';
            if (depth == 0 && (closes || character == ','))
                break;
            if (character == '"')
                at += string_size(rest_.substr(at)) - 1;
            else if (character == '{' || character == '[')
                ++depth;
            else if (closes)
                --depth;
        }
        auto const whole = rest_.substr(0, at);
        rest_.remove_prefix(at);
        return whole.substr(0, whole.find_last_not_of(" \t\r\n") + 1);
    }

    /// How many characters the string at the beginning of `text` has with its quotes; all when it has no end.
    static std::size_t string_size(std::string_view text) noexcept
    {
        if (!text.starts_with('"'))
            return 0;
        for (std::size_t at = 1; at < text.size(); ++at) {
            if (text[at] == '"')
                return at + 1;
            if (text[at] == '\\')
                ++at;
        }
        return text.size();
    }

    /// False when it is no integer, or not the first.
    static bool read_once(std::string_view text, number& out)
    {
        std::int64_t value = 0;
        char const* const end = text.data() + text.size();
        auto const [read, failure] = std::from_chars(text.data(), end, value);
        bool const sound = !out && failure == std::errc() && read == end;
        if (sound)
            out = value;
        return sound;
    }

    std::string_view rest_;
};

/// Where in an answer the record begins in which a reader of it has stopped; nullopt when it stopped at none.
template <class = void>
std::optional<std::size_t> start_of_torn_record(std::string_view body, json_reader const& stopped)
{
    json_reader in(body, stopped.deepest());
    std::optional<std::size_t> start;
    auto const element = [&] {
        std::size_t const here = in.position();
        if (in.skip() && in.position() < stopped.position())
            return true;
        start = here;
        return false;
    };
    if (in.peek() == json_kind::array)
        read_array(in, element);
    else
        read_list_in_object(in, "records", element);
    return start;
}

} // namespace hdikafka::inline v0_1::detail

#endif
