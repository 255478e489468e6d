// How long an answer's fields say to wait. The input has a line for each of the fields that may say so, the
// first for Retry-After, and one for Date.
#include "fuzz.hpp"

#include <hdikafka/detail/http/retry_after.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fuzz::require;
using hdikafka::detail::parse_http_date;
using namespace std::chrono_literals;
using clock_time = std::chrono::system_clock::time_point;

/// The date as the C library writes it.
std::string written(std::time_t when)
{
    std::tm parts{};
    require(gmtime_r(&when, &parts) != nullptr, "a moment has a date");
    auto const year = std::to_string(10000 + 1900 + parts.tm_year).substr(1); // %Y has no leading zeros
    auto const form = "%a, %d %b " + year + " %H:%M:%S GMT";
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), form.c_str(), &parts)};
}

std::vector<std::string_view> lines_of(std::string_view text)
{
    std::vector<std::string_view> lines;
    while (lines.size() != 4) {
        auto const end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void check_wait(std::vector<std::string_view> const& lines)
{
    auto const field = [&](std::string_view name) -> std::optional<std::string_view> {
        auto const value = lines[name == "retry-after"      ? 0
                                 : name == "retry-after-ms" ? 1
                                 : name == "date"           ? 3
                                                            : 2];
        return value.empty() ? std::nullopt : std::optional(value);
    };
    // Which century they are in depends on now.
    bool const short_year =
        lines[0].find('-') != std::string_view::npos || lines[3].find('-') != std::string_view::npos;
    std::optional<std::chrono::milliseconds> last;
    // From the earliest moment that a clock can say to the latest; 784111777 s is the date of RFC 9110.
    for (auto const now : {clock_time::min(), clock_time(), clock_time(784111776999ms),
                           clock_time(784111777000ms), clock_time(1800000000s), clock_time::max()}) {
        auto const wait = hdikafka::detail::parse_retry_after(field, now);
        if (wait)
            require(*wait >= 0ms && *wait <= 24h, "a wait is between nothing and a day");
        if (now != clock_time::min() && !short_year) {
            require(wait.has_value() == last.has_value(), "the time of day makes no text a wait");
            require(!wait || *wait <= *last, "a wait does not grow as time goes by");
        }
        last = wait;
    }
}

constexpr std::chrono::sys_seconds now(1800000000s); // of years with two digits

void check_date(std::string_view text)
{
    auto const date = parse_http_date(text, now);
    constexpr std::chrono::sys_days end_of_the_form = std::chrono::year(10000) / 1 / 1;
    if (!date || *date >= end_of_the_form) // the leap second that ends the last year has no such form
        return;
    auto const again = written(date->time_since_epoch().count());
    require(parse_http_date(again, now) == date, "a date is the same in the form of today");
    constexpr std::size_t size_of_today = 29;
    if (text.size() != size_of_today || text[3] != ',')
        return;
    bool const leap_second = text.substr(23, 2) == "60"; // the C library writes that as the next minute
    constexpr std::size_t behind_day_name = 5;
    require(leap_second || again.substr(behind_day_name) == text.substr(behind_day_name),
            "a date is the one that gmtime says");
}

/// The first bytes as a moment of the years 0 to 9999.
void check_written_date(std::string_view text)
{
    std::int64_t number = 0;
    std::memcpy(&number, text.data(), std::min(sizeof number, text.size()));
    constexpr std::int64_t first = -62167219200;
    constexpr std::int64_t last = 253402300799;
    auto const when = number < first || number > last ? number % (1 - first) : number;
    auto const date = parse_http_date(written(when), now);
    require(date.has_value() && date->time_since_epoch().count() == when, "every date can be read");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    auto const lines = lines_of(text);
    check_wait(lines);
    for (auto const line : lines)
        check_date(line);
    if (!text.empty())
        check_written_date(text);
    return 0;
}
