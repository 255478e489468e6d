// How long a connection may be kept.
#ifndef HDIKAFKA_DETAIL_NET_RULES_HPP
#define HDIKAFKA_DETAIL_NET_RULES_HPP

#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// When a connection that now becomes idle must not be used any more: after `idle`, a second before what the
/// server grants (Keep-Alive: timeout), and `age` after it was made, whichever comes first.
inline std::chrono::steady_clock::time_point retirement(std::chrono::steady_clock::time_point now,
                                                        std::chrono::steady_clock::time_point made,
                                                        milliseconds idle, milliseconds age,
                                                        std::optional<std::chrono::seconds> granted)
{
    if (granted)
        idle = std::clamp(milliseconds(*granted) - std::chrono::seconds(1), milliseconds(0), idle);
    return std::min(now + idle, made + age);
}

/// Orders addresses so that two families take turns, beginning with that of the first (RFC 8305 §4):
/// `is_v6(address)` tells them apart. What comes first within a family stays first.
template <class Addresses, class IsV6>
void alternate_families(Addresses& addresses, IsV6 is_v6)
{
    bool wanted = !addresses.empty() && is_v6(addresses.front());
    for (auto at = addresses.begin(); at != addresses.end(); ++at, wanted = !wanted) {
        auto const found =
            std::find_if(at, addresses.end(), [&](auto const& one) { return is_v6(one) == wanted; });
        if (found == addresses.end())
            return; // the rest is of one family
        std::rotate(at, found, found + 1);
    }
}

/// How long after one connection attempt the next address is tried too (RFC 8305 §5).
inline constexpr milliseconds connection_attempt_delay{250};

/// When the next address is tried: at once when no other is being tried or one has just failed, else after a
/// delay since the last attempt began.
inline std::chrono::steady_clock::time_point next_attempt(std::chrono::steady_clock::time_point now,
                                                          std::chrono::steady_clock::time_point last_began,
                                                          bool others_under_way, bool one_failed)
{
    return others_under_way && !one_failed ? last_began + connection_attempt_delay : now;
}

} // namespace hdikafka::inline v0_1::detail

#endif
