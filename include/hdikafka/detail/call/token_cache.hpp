// The token cache: one request however many wait, renewal in the background.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_failure.hpp>
#include <hdikafka/detail/call/token_plan.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/context_end.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/setbacks.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Makes what a cache asks: another one each time, or one that may be asked several times at once.
using source_maker = std::function<token_source_ptr()>;

/// What one who waits for a token is given. Neither: the request was abandoned, ask again.
class token_answer
{
public:
    token_answer() = default;
    explicit token_answer(authorization ready) : token(std::move(ready)) {}
    explicit token_answer(error why) : failure(std::move(why)) {}

    authorization token;
    result<void> failure;
};

template <class Lazy>
class token_cache : public std::enable_shared_from_this<token_cache<Lazy>>, public context_mourner
{
public:
    explicit token_cache(source_maker make) : make_(std::move(make)), source_(make_()) {}

    /// The token to use now, which starts a renewal when that is due; null when there is none.
    authorization current(transport_ptr const& http) { return look(http, nullptr); }

    /// Waits for a token. All who wait share one request and its outcome; one that stops waiting disturbs
    /// nobody.
    task wait(operation_ptr op, transport_ptr http, authorization& token)
    {
        context_end<>::tell(context_of(op->executor()), this->weak_from_this());
        pulse_watch pulse;
        for (;;) {
            // A closed client's requests are abandoned at once: to ask again and again would never end.
            if (http->background()->closed())
                co_return error(errc::closed, "waiting for a token");
            place mine(this->shared_from_this(), waiting_, *op);
            token = look(http, &mine);
            if (token)
                co_return result<void>();
            while (mine.waits() && !op->interrupted()) {
                co_await op->park(steady_clock::now() + pulse_watch::pulse);
                feel_pulse(pulse, context_of(op->executor()));
            }
            if (op->interrupted())
                co_return stopped_waiting(op->interruption("waiting for a token"));
            token_answer const given = mine.take();
            token = given.token;
            if (token || !given.failure)
                co_return given.failure;
        }
    }

    /// The service refused this token and wants these claims in the next, if any: drops it, unless another
    /// has taken its place already. True when asking again makes sense.
    bool refuse(authorization const& refused, std::string claims)
    {
        std::lock_guard const lock(mutex_);
        if (renewable_ && current_ == refused) {
            current_.reset();
            plan_.dropped();
            claims_ = std::move(claims);
        }
        return renewable_;
    }

    /// Those who wait on that context are not woken any more. A renewal there ends with it, by itself.
    void context_ends(net::execution_context const& which) noexcept override
    {
        std::lock_guard const lock(mutex_);
        waiting_.forget(which);
    }

private:
    using place = typename waiters<token_answer>::place;

    /// A request for a token, on the executor of the client that needs it first.
    class renewal final : public child<Lazy>, public setback_listener
    {
    public:
        /// `beside`: its attendant, not yet begun.
        renewal(std::shared_ptr<token_cache> cache, transport_ptr http, operation_ptr const& beside)
            : cache_(std::move(cache)), http_(std::move(http)), attendant_(beside)
        {
            std::lock_guard const lock(cache_->mutex_);
            // NOLINTBEGIN(cppcoreguidelines-prefer-member-initializer): with the lock
            source_ = cache_->source_;
            claims_ = cache_->claims_;
            number = ++cache_->requests_;
            // NOLINTEND(cppcoreguidelines-prefer-member-initializer)
            cache_->under_way_ = number;
            cache_->its_context_ = &context_of(http_->executor());
        }

        task run(operation_ptr op) override
        {
            auto const begun = steady_clock::now();
            op->tell_setbacks_to(*this);
            token_grant grant;
            result<void> outcome;
            try {
                outcome = co_await source_->request(op, http_, claims_, grant);
            } catch (error const& thrown) {
                outcome = thrown;
            } catch (std::exception const& thrown) {
                outcome = error(errc::token_refused, thrown.what());
            } catch (...) {
                outcome =
                    error(errc::token_refused, "the callback threw something that is no std::exception");
            }
            if (!outcome && op->stopped() == errc::closed)
                co_return outcome;
            if (!outcome && op->stopped())
                outcome = cache_->stopped_waiting(error(op->stopped(), "asking for a token took too long"));
            report(grant, outcome, begun);
            if (outcome)
                cache_->succeed(*this, grant.token, http_->random().unit());
            else
                cache_->fail(*this, outcome.error(), http_->random().unit());
            co_return outcome;
        }

        void setback(error const& failure) override
        {
            if (!this->by().stopped())
                cache_->meet(*this, failure, http_->random().unit());
        }

        /// Without an outcome, those who wait look for themselves; those whose client is closed see that.
        void ended(result<void> const&) noexcept override
        {
            {
                std::lock_guard const lock(cache_->mutex_);
                if (cache_->under_way_ == number)
                    cache_->ask_again();
            }
            if (operation_ptr const beside = attendant_.lock())
                beside->wake();
        }

        std::string const& claims() const noexcept { return claims_; }
        bool renewable() const { return source_->renewable(); }

        std::uint64_t number; ///< From 1.

    private:
        void report(token_grant const& grant, result<void> const& outcome, steady_clock::time_point begun)
        {
            observer const& watcher = http_->settings().observer;
            if (!watcher)
                return;
            token_renewed event;
            event.code = outcome ? std::error_code() : outcome.error().code();
            event.source = grant.source;
            event.passed_over = grant.passed_over;
            event.expires_in = grant.token.expires_in();
            event.duration =
                std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
            watcher(event);
        }

        std::shared_ptr<token_cache> const cache_;
        transport_ptr const http_;
        std::weak_ptr<operation<>> const attendant_;
        token_source_ptr source_;
        std::string claims_; ///< What the token is to hold.
    };

    /// Beside a renewal, on its executor: shows that this one runs, and ends a renewal that is wanted no
    /// more.
    class attendant final : public child<Lazy>
    {
    public:
        attendant(std::shared_ptr<token_cache> cache, operation_ptr const& renewal)
            : cache_(std::move(cache)), renewal_(renewal)
        {}

        task run(operation_ptr op) override
        {
            while (!op->stopped() && cache_->beat(number))
                co_await op->park(steady_clock::now() + pulse_watch::pulse);
            if (operation_ptr const renewal = renewal_.lock())
                renewal->close();
            co_return result<void>();
        }

        void ended(result<void> const&) noexcept override {}

        std::uint64_t number = 0; ///< Of the renewal.

    private:
        std::shared_ptr<token_cache> const cache_;
        std::weak_ptr<operation<>> const renewal_;
    };

    /// The token when one serves, starting a renewal when that is due; otherwise puts `mine`, if there is
    /// one, among those who wait, or gives it the failure when nobody may ask.
    authorization look(transport_ptr const& http, place* mine)
    {
        authorization ready;
        token_step next;
        {
            std::lock_guard const lock(mutex_);
            auto const now = steady_clock::now();
            next = plan_.look(now, mine != nullptr);
            if (next.action == token_action::use)
                ready = current_;
            else if (mine && next.action == token_action::wait)
                waiting_.join(*mine);
            else if (mine)
                waiting_.answer(*mine, token_answer(too_early(now)));
        }
        if (next.ask)
            renew(http);
        return ready;
    }

    /// The last request's failure, as long as the authority is to be left alone.
    error too_early(steady_clock::time_point now) const
    {
        auto const hold = std::chrono::ceil<milliseconds>(plan_.held_until() - now);
        return token_not_asked_for<>(*failure_, hold, trouble_of(*failure_) == token_trouble::throttled);
    }

    /// The error for one who gets no token, for this reason, with what has come of the request if that is it.
    error stopped_waiting(error const& why)
    {
        std::lock_guard const lock(mutex_);
        return failure_ && why.code() == errc::timed_out ? token_not_in_time<>(why, *failure_) : why;
    }

    void renew(transport_ptr const& http)
    {
        constexpr std::chrono::seconds limit(120); // IMDS may take 70 s to be ready, and says so
        operation_ptr op;
        operation_ptr beside;
        std::unique_ptr<renewal> one;
        std::unique_ptr<attendant> other;
        try {
            op = http->make_operation(steady_clock::now() + limit);
            beside = http->make_operation(steady_clock::time_point::max());
            other = std::make_unique<attendant>(this->shared_from_this(), op);
            one = std::make_unique<renewal>(this->shared_from_this(), http, beside);
        } catch (...) {
            std::lock_guard const lock(mutex_);
            ask_again();
            throw;
        }
        other->number = one->number;
        renewals_.start(op, std::move(one), http->background());
        if (is_under_way(other->number))
            renewals_.start(beside, std::move(other), http->background());
    }

    bool is_under_way(std::uint64_t request)
    {
        std::lock_guard const lock(mutex_);
        return request == under_way_;
    }

    /// A sign of life from the executor of a renewal; false when that need not go on.
    bool beat(std::uint64_t request)
    {
        std::lock_guard const lock(mutex_);
        ++beats_;
        return request == under_way_ && plan_.wanted(steady_clock::now(), !waiting_.empty());
    }

    /// Those who wait on another context than a renewal's look whether that one still runs. If not, one of
    /// them asks in its place: another source, for the old one may go on with its request one day.
    void feel_pulse(pulse_watch& pulse, net::execution_context const& mine)
    {
        std::lock_guard const lock(mutex_);
        bool const elsewhere = under_way_ != 0 && its_context_ != &mine;
        if (!elsewhere || !pulse.misses(under_way_, beats_, steady_clock::now()))
            return;
        source_ = make_();
        ask_again();
    }

    void succeed(renewal const& from, access_token const& token, double jitter)
    {
        auto const fresh = std::make_shared<field_value const>("Bearer " + token.token());
        std::lock_guard const lock(mutex_);
        if (under_way_ != from.number)
            return;
        if (claims_ != from.claims())
            return ask_again(); // demanded while this request was under way: it would be refused too
        claims_.clear();
        failure_.reset();
        renewable_ = from.renewable();
        current_ = fresh;
        plan_.succeeded(plan_token(steady_clock::now(), token.expires_in(), token.refresh_in(), jitter));
        answer_all(token_answer(fresh));
    }

    void fail(renewal const& from, error const& failure, double jitter)
    {
        std::lock_guard const lock(mutex_);
        if (under_way_ != from.number)
            return;
        token_setback what(failure, jitter);
        if (failure.code() == errc::token_refused && !claims_.empty()) {
            claims_.clear(); // passed on once: what the authority cannot grant must not be asked for for ever
            what.trouble = token_trouble::passing; // the next request is another one
        }
        failure_ = failure;
        plan_.failed(steady_clock::now(), what);
        answer_all(token_answer(failure));
    }

    /// The request goes on, but should it be given up, what the authority has said holds.
    void meet(renewal const& from, error const& failure, double jitter)
    {
        error const told = token_attempt_failed<>(failure);
        std::lock_guard const lock(mutex_);
        if (under_way_ != from.number)
            return;
        failure_ = told;
        plan_.met(steady_clock::now(), token_setback(failure, jitter));
    }

    /// The renewal under way counts no longer, and those who wait look for themselves. With the lock held, as
    /// the next.
    void ask_again()
    {
        plan_.abandoned(steady_clock::now());
        answer_all(token_answer());
    }

    void answer_all(token_answer const& what)
    {
        under_way_ = 0;
        waiting_.answer_all(what);
    }

    source_maker const make_;
    std::mutex mutex_;
    token_source_ptr source_; // of the next request, and of the one under way: asked once at a time
    bool renewable_ = true;   // the source that gave the token can give another
    authorization current_;
    token_plan plan_;
    std::string claims_;           // that the next token must hold
    std::optional<error> failure_; // of the last attempt at a request, when it failed
    waiters<token_answer> waiting_{mutex_};
    std::uint64_t requests_ = 0;
    std::uint64_t under_way_ = 0;                         // the renewal whose outcome counts; 0: none
    net::execution_context const* its_context_ = nullptr; // compared, not looked at
    std::uint64_t beats_ = 0;                             // of its attendant
    children<Lazy> renewals_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
