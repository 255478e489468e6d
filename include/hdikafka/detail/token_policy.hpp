// When a token is used, renewed in the background, or waited for: a pure decision.
// Layer: decisions (no I/O, no clock of its own).
#ifndef HDIKAFKA_DETAIL_TOKEN_POLICY_HPP
#define HDIKAFKA_DETAIL_TOKEN_POLICY_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace hdikafka::inline v0_1::detail {

using steady_time = std::chrono::steady_clock::time_point;

enum class token_action : unsigned char
{
    use,           ///< The token is good.
    use_and_renew, ///< The token still serves; ask for the next one in the background.
    wait,          ///< There is no token that serves: ask for one, or wait for the one under way.
};

/// A token's life on the monotonic clock.
class token_times
{
public:
    token_times() = default;
    token_times(steady_time refresh, steady_time expiry) : refresh_at(refresh), expires_at(expiry) {}

    steady_time refresh_at;
    steady_time expires_at;
};

/// Renewal is due at `refresh_in` when the authority names it, else at half-life for lifetimes of two
/// hours and more, else five minutes before the end; never after it. `jitter` in [0, 1) moves it
/// earlier by up to a tenth of the remaining time, so that many processes do not renew at once.
inline token_times plan_token(steady_time now, std::chrono::seconds lifetime,
                              std::optional<std::chrono::seconds> refresh_in, double jitter)
{
    using namespace std::chrono_literals;
    lifetime = std::clamp(lifetime, 0s, std::chrono::seconds(24h * 365));
    std::chrono::milliseconds due = lifetime >= 2h ? lifetime / 2 : lifetime - 5min;
    if (refresh_in)
        due = std::clamp(*refresh_in, 0s, lifetime);
    if (due <= 0s)
        due = lifetime / 2;
    // A token at its very end would be refused on arrival.
    std::chrono::milliseconds const margin = std::min<std::chrono::milliseconds>(5s, lifetime / 10);
    due = std::min(due, lifetime - margin);
    auto const earlier = std::chrono::milliseconds(
        static_cast<std::chrono::milliseconds::rep>(static_cast<double>(due.count()) * 0.1 * jitter));
    return token_times(now + due - earlier, now + lifetime - margin);
}

inline token_action decide_token(std::optional<token_times> const& token, steady_time now)
{
    if (!token || now >= token->expires_at)
        return token_action::wait;
    return now >= token->refresh_at ? token_action::use_and_renew : token_action::use;
}

} // namespace hdikafka::inline v0_1::detail

#endif
