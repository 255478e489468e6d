// When a token is used, renewed in the background, waited for, or not to be had: pure decisions.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_PLAN_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_PLAN_HPP

#include <hdikafka/detail/base/back_off.hpp>
#include <hdikafka/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

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

/// What a failure says of the next request for a token.
enum class token_trouble : unsigned char
{
    passing,   ///< It could heal at once: the network's, or the authority's own.
    throttled, ///< The authority wants to be left alone.
    refused,   ///< The authority will not grant this, as long as nobody changes anything.
};

inline token_trouble trouble_of(error const& failure) noexcept
{
    diagnostics const& info = failure.info();
    if (info.retry_after || info.http_status == 429 || info.http_status == 503)
        return token_trouble::throttled;
    bool const answered = info.http_status != 0;
    return answered && failure.code() == errc::token_refused ? token_trouble::refused
                                                             : token_trouble::passing;
}

class token_setback
{
public:
    token_setback() = default;

    /// `random` is in [0, 1).
    token_setback(error const& failure, double random)
        : trouble(trouble_of(failure)), retry_after(failure.info().retry_after), jitter(random)
    {}

    token_trouble trouble = token_trouble::passing;
    std::optional<std::chrono::milliseconds> retry_after;
    double jitter = 0;
};

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

/// A token's life from request to request: one at a time, in the background while the old token serves, none
/// before a Retry-After has passed, and fewer and fewer while the authority refuses or throttles.
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
        if (asking_) {
            wanted_at_ = now;
            return out;
        }
        if (now < held_until_) {
            out.action = serves ? token_action::use : token_action::refuse;
            return out;
        }
        out.ask = serves ? now >= current_->refresh_at && now >= renewal_pause_ : waits;
        asking_ = out.ask;
        if (asking_)
            wanted_at_ = now;
        return out;
    }

    /// Whether the request under way is to go on: while somebody waits for it, and for a little while after
    /// anybody needed a token: more may come, but a program that is done must be able to end.
    bool wanted(steady_time now, bool waited_for)
    {
        constexpr std::chrono::seconds grace(3);
        if (waited_for)
            wanted_at_ = now;
        return now - wanted_at_ < grace;
    }

    void succeeded(token_times times) noexcept
    {
        asking_ = struck_ = false;
        troubles_ = 0;
        held_until_ = steady_time();
        current_ = times;
    }

    /// The request under way has met this, and goes on.
    void met(steady_time now, token_setback const& what) noexcept
    {
        if (what.trouble == token_trouble::passing)
            return;
        struck_ = true;
        held_until_ = now + hold(what);
    }

    void failed(steady_time now, token_setback const& what) noexcept
    {
        met(now, what);
        abandoned(now);
    }

    /// The request under way ended without an outcome.
    void abandoned(steady_time now) noexcept
    {
        constexpr std::chrono::seconds pause(30);
        renewal_pause_ = now + pause;
        troubles_ += std::exchange(struck_, false) ? 1 : 0;
        asking_ = false;
    }

    /// The service refused the token.
    void dropped() noexcept { current_.reset(); }

    /// When the authority may be asked again.
    steady_time held_until() const noexcept { return held_until_; }

private:
    /// Beyond it a Retry-After is a mistake that must not keep the program out for a day.
    static constexpr std::chrono::hours longest_throttle{1};

    /// What the authority asks for; else a second after the first request that it throttles, two after the
    /// next, and so on up to a minute, of which jitter takes away up to a half. One that is refused may be
    /// made again at once, for what was wrong may have been mended meanwhile, and then a second later, and so
    /// on.
    std::chrono::milliseconds hold(token_setback const& what) const noexcept
    {
        using namespace std::chrono_literals;
        if (what.retry_after && *what.retry_after > 0ms)
            return std::min<std::chrono::milliseconds>(*what.retry_after, longest_throttle);
        int const before = what.trouble == token_trouble::refused ? troubles_ - 1 : troubles_;
        if (before < 0)
            return 0ms;
        constexpr std::chrono::milliseconds first = 1s;
        constexpr std::chrono::milliseconds most = 1min;
        return equal_jitter(doubled(first, most, static_cast<unsigned>(before)), 1 - what.jitter);
    }

    std::optional<token_times> current_;
    steady_time renewal_pause_;
    steady_time held_until_;
    steady_time wanted_at_; // by anybody, since the request under way began
    int troubles_ = 0;      // requests in a row that were throttled or refused
    bool struck_ = false;   // so was the one under way
    bool asking_ = false;
};

/// Looks, for one who waits, whether the executor on which a token is asked for still runs: that of another
/// client may have been stopped. It counts what the one who waits has seen himself: a machine that was
/// suspended or is slow holds up both.
class pulse_watch
{
public:
    pulse_watch() = default;

    static constexpr std::chrono::milliseconds pulse{500};

    /// Told now and then how many `beats` there were of the request with this number. True: several times in
    /// a row there was none.
    bool misses(std::uint64_t request, std::uint64_t beats, steady_time now) noexcept
    {
        constexpr int too_many = 3;
        if (request != request_ || beats != beats_) {
            request_ = request;
            beats_ = beats;
            missed_ = 0;
            due_ = now + pulse;
            return false;
        }
        if (now < due_)
            return false;
        due_ = now + pulse;
        return ++missed_ >= too_many;
    }

private:
    std::uint64_t request_ = 0;
    std::uint64_t beats_ = 0;
    int missed_ = 0;
    steady_time due_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
