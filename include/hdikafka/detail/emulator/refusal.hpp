// What the proxy's operations have in common: why they refuse, and numbers.
#ifndef HDIKAFKA_DETAIL_EMULATOR_REFUSAL_HPP
#define HDIKAFKA_DETAIL_EMULATOR_REFUSAL_HPP

#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/error.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1::detail::emulation {

inline int status_of(error const& failure) noexcept
{
    if (failure.info().http_status != 0)
        return failure.info().http_status;
    if (failure.code() == errc::not_found)
        return 404;
    if (failure.code() == errc::already_exists)
        return 409;
    return failure.code() == errc::service_failed ? 500 : 400;
}

inline emulator_answer refusal(error const& failure)
{
    return proxy_error(status_of(failure), failure.cause());
}

/// A number in a path or a query: digits only, within int64.
inline std::optional<std::int64_t> parse_number(std::string_view text) noexcept
{
    std::int64_t value = 0;
    auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size() || value < 0)
        return std::nullopt;
    return value;
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
