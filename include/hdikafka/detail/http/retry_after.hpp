// What an answer says about trying again: its status (RFC 9110 §15), and how long to wait (§10.2.3 and
// Azure's millisecond forms).
#ifndef HDIKAFKA_DETAIL_HTTP_RETRY_AFTER_HPP
#define HDIKAFKA_DETAIL_HTTP_RETRY_AFTER_HPP

#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Whether the same request may succeed later.
inline bool transient_status(int status) noexcept
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Whether the service certainly did nothing of what it was asked for.
inline bool refusing_status(int status) noexcept { return status >= 300 && status < 500 && status != 408; }

/// 1*DIGIT; a number that does not fit is the greatest that does.
inline std::optional<std::int64_t> parse_count(std::string_view text) noexcept
{
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::int64_t value = 0;
    auto const failure = std::from_chars(text.data(), text.data() + text.size(), value).ec;
    return failure == std::errc() ? value : std::numeric_limits<std::int64_t>::max();
}

/// Whether `text` looks like `shape`, where '0' stands for a digit, '_' for a digit or a blank and 'a' for a
/// letter.
inline bool has_shape(std::string_view text, std::string_view shape) noexcept
{
    auto const fits = [](char c, char wanted) {
        bool const digit = c >= '0' && c <= '9';
        bool const letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return wanted == '0'   ? digit
               : wanted == '_' ? digit || c == ' '
               : wanted == 'a' ? letter
                               : c == wanted;
    };
    return text.size() == shape.size() && std::ranges::equal(text, shape, fits);
}

/// A moment from the parts of an HTTP-date: "06" or " 6", "Nov", the year, "08:49:37".
inline std::optional<std::chrono::sys_seconds> moment_of(std::string_view day, std::string_view month,
                                                         int year, std::string_view time) noexcept
{
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    auto const at = months.find(month);
    auto const number = [](std::string_view digits) {
        return static_cast<int>(parse_count(digits.substr(digits.find_first_not_of(' '))).value_or(0));
    };
    if (at == std::string_view::npos || at % 3 != 0 || day == "  ")
        return std::nullopt;
    std::chrono::year_month_day const date(std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(at / 3) + 1),
                                           std::chrono::day(static_cast<unsigned>(number(day))));
    int const hour = number(time.substr(0, 2));
    int const minute = number(time.substr(3, 2));
    int const second = number(time.substr(6, 2));
    if (!date.ok() || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

/// An HTTP-date (RFC 9110 §5.6.7) in the form that everybody writes, or in one of the two obsolete ones that
/// a recipient must know. `now` tells the century of a year of two digits.
inline std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                               std::chrono::sys_seconds now) noexcept
{
    auto const number = [](std::string_view digits) {
        return static_cast<int>(parse_count(digits).value_or(0));
    };
    if (has_shape(text, "aaa, 00 aaa 0000 00:00:00 GMT")) // Sun, 06 Nov 1994 08:49:37 GMT
        return moment_of(text.substr(5, 2), text.substr(8, 3), number(text.substr(12, 4)),
                         text.substr(17, 8));
    if (has_shape(text, "aaa aaa _0 00:00:00 0000")) // Sun Nov  6 08:49:37 1994
        return moment_of(text.substr(8, 2), text.substr(4, 3), number(text.substr(20, 4)),
                         text.substr(11, 8));
    text.remove_prefix(std::min(text.find(','), text.size()));
    if (!has_shape(text, ", 00-aaa-00 00:00:00 GMT")) // Sunday, 06-Nov-94 08:49:37 GMT
        return std::nullopt;
    std::chrono::year_month_day const today(std::chrono::floor<std::chrono::days>(now));
    int const this_year = static_cast<int>(today.year());
    int year = this_year - this_year % 100 + number(text.substr(9, 2));
    if (year > this_year + 50)
        year -= 100;
    return moment_of(text.substr(2, 2), text.substr(5, 3), year, text.substr(12, 8));
}

/// How long after `answered` a moment is; a day at most, and none when it is over. In milliseconds: the
/// nanoseconds of the system clock end in 2262.
inline milliseconds
wait_until(std::chrono::sys_seconds moment,
           std::chrono::time_point<std::chrono::system_clock, milliseconds> answered) noexcept
{
    constexpr milliseconds day = std::chrono::hours(24);
    return std::clamp(milliseconds(moment - answered), milliseconds(0), day);
}

/// Reads the wait out of an answer's fields; `field(name)` gives an optional<string_view>, `now` is the
/// wall clock's time, for dates. At most a day.
///
/// A date is the server's: what counts is how far it is from the answer's own Date, for our clock may be
/// wrong. A Date that is more than a day away from it is one that nobody keeps right.
template <class Field>
std::optional<milliseconds> parse_retry_after(Field const& field, std::chrono::system_clock::time_point now)
{
    constexpr std::int64_t day_ms = 86'400'000;
    for (std::string_view const name : {"retry-after-ms", "x-ms-retry-after-ms"})
        if (std::optional<std::string_view> const text = field(name))
            if (auto const count = parse_count(*text))
                return milliseconds(std::min(*count, day_ms));
    std::optional<std::string_view> const text = field("retry-after");
    if (!text)
        return std::nullopt;
    if (auto const count = parse_count(*text))
        return milliseconds(std::min(*count, day_ms / 1000) * 1000);
    auto const today = std::chrono::floor<std::chrono::seconds>(now);
    auto const date = parse_http_date(*text, today);
    if (!date)
        return std::nullopt;
    if (std::optional<std::string_view> const sent = field("date")) {
        auto const theirs = parse_http_date(*sent, today);
        if (theirs && std::chrono::abs(*date - *theirs) <= std::chrono::hours(24))
            return wait_until(*date, *theirs);
    }
    return wait_until(*date, std::chrono::floor<milliseconds>(now));
}

} // namespace hdikafka::inline v0_1::detail

#endif
