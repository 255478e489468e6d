// When a token is used, renewed in the background, waited for, or not to be had: pure decisions.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_PLAN_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_PLAN_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace hdikafka::inline v0_1::detail {

using steady_time = std::chrono::steady_clock::time_point;

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

/// What one who needs a token does.
enum class token_action : unsigned char
{
    use,    ///< The token serves.
    wait,   ///< For the request under way, or for one that somebody must start.
    refuse, ///< There is none, and the authority is not to be asked yet: fail as the last request did.
};

class token_step
{
public:
    token_action action = token_action::wait;
    bool ask = false; ///< Start a request, which is then under way.
};

/// A token's life from request to request: one at a time, in the background while the old token serves, and
/// none before a Retry-After has passed.
class token_plan
{
public:
    token_plan() = default;

    /// For one who needs a token now; `waits`: and who waits if there is none.
    token_step look(steady_time now, bool waits)
    {
        token_step out;
        bool const serves = current_ && now < current_->expires_at;
        if (serves)
            out.action = token_action::use;
        if (asking_)
            return out;
        if (now < throttled_until_) {
            out.action = serves ? token_action::use : token_action::refuse;
            return out;
        }
        out.ask = serves ? now >= current_->refresh_at && now >= renewal_pause_ : waits;
        asking_ = out.ask;
        return out;
    }

    void succeeded(token_times times) noexcept
    {
        asking_ = false;
        current_ = times;
    }

    void failed(steady_time now, std::optional<std::chrono::milliseconds> retry_after) noexcept
    {
        using namespace std::chrono_literals;
        asking_ = false;
        renewal_pause_ = now + 30s;
        if (retry_after)
            throttled_until_ =
                now + std::clamp<std::chrono::milliseconds>(*retry_after, 0ms, longest_throttle);
    }

    /// The request under way ended without an outcome.
    void abandoned() noexcept { asking_ = false; }

    /// The service refused the token.
    void dropped() noexcept { current_.reset(); }

    /// When the authority may be asked again.
    steady_time throttled_until() const noexcept { return throttled_until_; }

private:
    /// Beyond it a Retry-After is a mistake that must not keep the program out for a day.
    static constexpr std::chrono::hours longest_throttle{1};

    std::optional<token_times> current_;
    steady_time renewal_pause_;
    steady_time throttled_until_;
    bool asking_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
