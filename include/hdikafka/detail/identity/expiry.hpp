// When a token ends, in whatever way its issuer writes it: numbers as text, text as dates, nothing at all. A
// good token is never lost for an odd field beside it.
#ifndef HDIKAFKA_DETAIL_IDENTITY_EXPIRY_HPP
#define HDIKAFKA_DETAIL_IDENTITY_EXPIRY_HPP

#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/version.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1::detail {

/// A text as it was meant: many editors and agents end the line.
inline std::string_view without_white_space_around(std::string_view text) noexcept
{
    constexpr std::string_view white_space = " \t\r\n";
    text.remove_suffix(text.size() - (text.find_last_not_of(white_space) + 1));
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    return text;
}

/// Of which zone a time is that names none.
enum class time_zone : unsigned char
{
    utc,
    local, ///< This machine's.
};

/// A date and a time of day as people and programs write them, piece by piece.
class written_moment
{
public:
    explicit written_moment(std::string_view text) noexcept : left_(text) {}

    /// "2031-11-05T15:18:31.5Z", "11/05/2031 3:18:31 PM +00:00" and the like, as seconds since the epoch.
    std::optional<std::int64_t> read(time_zone otherwise) noexcept
    {
        bool const iso = has_shape(left_.substr(0, 5), "0000-");
        bool const date = iso ? iso_date() : american_date();
        if (!date || !time_of_day() || !half_of_day() || !zone() || !left_.empty())
            return std::nullopt;
        return seconds(otherwise);
    }

private:
    bool number(std::size_t most, int& out) noexcept
    {
        std::size_t size = 0;
        for (out = 0; size != left_.size() && size != most && is_digit(left_[size]); ++size)
            out = out * 10 + (left_[size] - '0');
        left_.remove_prefix(size);
        return size != 0;
    }

    bool one_of(std::string_view characters) noexcept
    {
        bool const found = !left_.empty() && characters.find(left_.front()) != std::string_view::npos;
        left_.remove_prefix(found ? 1 : 0);
        return found;
    }

    bool word(std::string_view upper_case) noexcept
    {
        bool const found = equals_ignoring_case(left_.substr(0, upper_case.size()), upper_case);
        left_.remove_prefix(found ? upper_case.size() : 0);
        return found;
    }

    bool iso_date() noexcept
    {
        return number(4, year_) && one_of("-") && number(2, month_) && one_of("-") && number(2, day_) &&
               one_of("Tt ");
    }

    /// Month first, as the platforms write it that write dates at all.
    bool american_date() noexcept
    {
        return number(2, month_) && one_of("/") && number(2, day_) && one_of("/") && number(4, year_) &&
               one_of(" ");
    }

    bool time_of_day() noexcept
    {
        bool const whole =
            number(2, hour_) && one_of(":") && number(2, minute_) && one_of(":") && number(2, second_);
        if (!whole || !one_of("."))
            return whole;
        int fraction = 0;
        return number(9, fraction);
    }

    bool half_of_day() noexcept
    {
        bool const afternoon = word(" PM");
        if (!afternoon && !word(" AM"))
            return true;
        bool const possible = hour_ >= 1 && hour_ <= 12;
        hour_ = hour_ % 12 + (afternoon ? 12 : 0);
        return possible;
    }

    bool zone() noexcept
    {
        (void)one_of(" ");
        zoned_ = word("Z") || word("UTC") || word("GMT");
        if (left_.empty() || zoned_)
            return true;
        zoned_ = true;
        int const sign = left_.front() == '-' ? -1 : 1;
        int hours = 0;
        int minutes = 0;
        bool const signed_hours = one_of("+-") && number(2, hours);
        one_of(":"); // which some leave out
        bool const whole = signed_hours && number(2, minutes);
        east_ = std::chrono::minutes(sign * (hours * 60 + minutes));
        return whole;
    }

    std::optional<std::int64_t> seconds(time_zone otherwise) const noexcept
    {
        using namespace std::chrono;
        year_month_day const date(year(year_), month(static_cast<unsigned>(month_)),
                                  day(static_cast<unsigned>(day_)));
        if (!date.ok() || year_ < 1970 || hour_ > 23 || minute_ > 59 || second_ > 60)
            return std::nullopt;
        if (zoned_ || otherwise == time_zone::utc) {
            auto const utc = sys_days(date) + hours(hour_) + minutes(minute_) - east_;
            return utc.time_since_epoch() / std::chrono::seconds(1) + second_;
        }
        std::tm parts{};
        parts.tm_year = year_ - 1900;
        parts.tm_mon = month_ - 1;
        parts.tm_mday = day_;
        parts.tm_hour = hour_;
        parts.tm_min = minute_;
        parts.tm_sec = second_;
        parts.tm_isdst = -1; // whichever is in force then
        std::time_t const local = std::mktime(&parts);
        return local < 0 ? std::nullopt : std::optional<std::int64_t>(local);
    }

    std::string_view left_;
    int year_ = 0;
    int month_ = 0;
    int day_ = 0;
    int hour_ = 0;
    int minute_ = 0;
    int second_ = 0;
    std::chrono::minutes east_{0};
    bool zoned_ = false;
};

/// A number of seconds: whole, with a fraction or an exponent.
inline std::optional<std::int64_t> parse_seconds(std::string_view text) noexcept
{
    constexpr double farthest = 1e15; // nothing beyond it is meant, and nothing below overflows
    double value = 0;
    char const* const end = text.data() + text.size();
    bool const begins = !text.empty() && (is_digit(text.front()) || text.front() == '-'); // no "inf"
    auto const [at, failure] = std::from_chars(text.data(), end, value);
    if (!begins || failure != std::errc() || at != end || !(value >= -farthest && value <= farthest))
        return std::nullopt;
    return static_cast<std::int64_t>(value);
}

/// What the members of an issuer's JSON say of a token's life. Those that cannot be read say nothing, and
/// none takes back what an earlier one of its name has said.
class token_life
{
public:
    std::optional<std::int64_t> expires_in; ///< Seconds from now.
    std::optional<std::int64_t> expires_on; ///< Seconds since the epoch.
    std::optional<std::int64_t> refresh_in;

    /// Reads a number of seconds; false only when there is no JSON value.
    static bool read_span(json_reader& in, std::optional<std::int64_t>& out)
    {
        std::string text;
        bool const read = read_scalar(in, text);
        if (auto const value = parse_seconds(text))
            out = value;
        return read;
    }

    /// The same for a moment, which may be a number or a date.
    static bool read_moment(json_reader& in, std::optional<std::int64_t>& out,
                            time_zone otherwise = time_zone::utc)
    {
        std::string text;
        bool const read = read_scalar(in, text);
        if (auto const value = moment(text, otherwise))
            out = value;
        return read;
    }

    /// How long the token lives: 600 s, the least that Entra issues, where nobody says. Zero at least: it may
    /// be used once all the same, for clocks differ.
    std::chrono::seconds lifetime(std::chrono::system_clock::time_point now) const
    {
        std::optional<std::int64_t> left = expires_in;
        if (expires_on && left.value_or(0) <= 0) {
            auto const since_epoch = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
            left = *expires_on - since_epoch.count();
        }
        return std::chrono::seconds(std::max<std::int64_t>(left.value_or(600), 0));
    }

private:
    static std::optional<std::int64_t> moment(std::string_view text, time_zone otherwise)
    {
        constexpr std::int64_t latest_in_seconds = 99'999'999'999; // in the year 5138
        if (auto const number = parse_seconds(text))
            return *number > latest_in_seconds ? *number / 1000 : *number; // others count milliseconds
        if (auto const date = written_moment(text).read(otherwise))
            return date;
        // Which century it is meant in does not depend on the day.
        auto const date = parse_http_date(text, std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));
        return date ? std::optional<std::int64_t>(date->time_since_epoch().count()) : std::nullopt;
    }

    /// A number as it stands, or what a string holds without white space around it; of any other value
    /// nothing.
    static bool read_scalar(json_reader& in, std::string& out)
    {
        json_kind const kind = in.peek();
        std::string_view slice;
        if (!in.value(slice))
            return false;
        if (kind == json_kind::string) {
            if (!json_unescape(slice.substr(1, slice.size() - 2), out))
                out.clear();
        } else if (kind == json_kind::number) {
            out = slice;
        }
        out = std::string(without_white_space_around(out));
        return true;
    }
};

} // namespace hdikafka::inline v0_1::detail

#endif
