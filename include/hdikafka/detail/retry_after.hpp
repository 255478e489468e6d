// How long a server asks to wait (RFC 9110 §10.2.3 and Azure's millisecond forms). Layer: formats.
#ifndef HDIKAFKA_DETAIL_RETRY_AFTER_HPP
#define HDIKAFKA_DETAIL_RETRY_AFTER_HPP

#include <hdikafka/options.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

inline std::optional<std::int64_t> parse_count(std::string_view text) noexcept
{
    std::int64_t value = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failure != std::errc() || end != text.data() + text.size() || value < 0)
        return std::nullopt;
    return value;
}

/// An HTTP-date in the form that everybody writes: "Sun, 06 Nov 1994 08:49:37 GMT".
inline std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) noexcept
{
    constexpr std::string_view shape = "aaa, 00 aaa 0000 00:00:00 GMT";
    if (text.size() != shape.size())
        return std::nullopt;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        char const c = text[i];
        bool const digit = c >= '0' && c <= '9';
        bool const letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool const fits = (shape[i] == '0' && digit) || (shape[i] == 'a' && letter) || c == shape[i];
        if (!fits)
            return std::nullopt;
    }
    constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto const month =
        static_cast<std::size_t>(std::ranges::find(months, text.substr(8, 3)) - months.begin());
    auto const number = [text](std::size_t at, std::size_t length) {
        return static_cast<int>(parse_count(text.substr(at, length)).value_or(0));
    };
    std::chrono::year_month_day const date(std::chrono::year(number(12, 4)),
                                           std::chrono::month(static_cast<unsigned>(month) + 1),
                                           std::chrono::day(static_cast<unsigned>(number(5, 2))));
    int const hour = number(17, 2);
    int const minute = number(20, 2);
    int const second = number(23, 2);
    if (month == months.size() || !date.ok() || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

/// Reads the wait out of an answer's fields; `field(name)` gives an optional<string_view>, `now` is the
/// wall clock's time, for dates. At most a day.
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
    auto const date = parse_http_date(*text);
    if (!date)
        return std::nullopt;
    // In milliseconds: the nanoseconds of the system clock end in 2262.
    milliseconds const wait = *date - std::chrono::floor<milliseconds>(now);
    return std::clamp(wait, milliseconds(0), milliseconds(day_ms));
}

} // namespace hdikafka::inline v0_1::detail

#endif
