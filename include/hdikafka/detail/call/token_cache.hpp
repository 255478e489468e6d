// The token cache: one request however many wait, renewal in the background.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_plan.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

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
class token_cache : public std::enable_shared_from_this<token_cache<Lazy>>
{
public:
    explicit token_cache(token_source_ptr source) : source_(std::move(source)) {}

    /// The token to use now, which starts a renewal when that is due; null when there is none.
    authorization current(transport_ptr const& http) { return look(http, nullptr); }

    /// Waits for a token. All who wait share one request and its outcome; one that stops waiting disturbs
    /// nobody.
    task wait(operation_ptr op, transport_ptr http, authorization& token)
    {
        for (;;) {
            // A closed client's requests are abandoned at once: to ask again and again would never end.
            if (http->background()->closed())
                co_return error(errc::closed, "waiting for a token");
            place mine(this->shared_from_this(), waiting_, *op);
            token = look(http, &mine);
            if (token)
                co_return result<void>();
            while (mine.waits() && !op->interrupted()) {
                co_await op->park(steady_clock::now() + pulse);
                feel_pulse();
            }
            if (op->interrupted())
                co_return op->interruption("waiting for a token");
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
        if (source_->renewable() && current_ == refused) {
            current_.reset();
            plan_.dropped();
            claims_ = std::move(claims);
        }
        return source_->renewable();
    }

private:
    using place = typename waiters<token_answer>::place;

    static constexpr milliseconds pulse{500};

    /// A request for a token, on the executor of the client that needs it first.
    class renewal final : public child<Lazy>
    {
    public:
        renewal(std::shared_ptr<token_cache> cache, transport_ptr http)
            : cache_(std::move(cache)), http_(std::move(http))
        {
            std::lock_guard const lock(cache_->mutex_);
            claims_ = cache_->claims_; // NOLINT(cppcoreguidelines-prefer-member-initializer): with the lock
            cache_->renewal_ = this;
        }

        task run(operation_ptr op) override
        {
            auto const begun = steady_clock::now();
            token_grant grant;
            result<void> outcome;
            try {
                outcome = co_await cache_->source_->request(op, http_, claims_, grant);
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
                outcome = error(op->stopped(), "asking for a token took too long");
            report(grant, outcome, begun);
            if (outcome)
                cache_->succeed(*this, grant.token, http_->random().unit());
            else
                cache_->fail(*this, outcome.error());
            co_return outcome;
        }

        /// Without an outcome, those who wait look for themselves; those whose client is closed see that.
        void ended(result<void> const&) noexcept override
        {
            std::lock_guard const lock(cache_->mutex_);
            if (cache_->renewal_ == this)
                cache_->ask_again();
        }

        net::any_io_executor const& executor() const noexcept { return http_->executor(); }
        std::string const& claims() const noexcept { return claims_; }

        std::optional<steady_clock::time_point> pinged_at; ///< See feel_pulse().

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
        std::string claims_; ///< What the token is to hold.
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

    /// The last request's failure, as long as the authority wants to be left alone.
    error too_early(steady_clock::time_point now) const
    {
        diagnostics info = failure_->info();
        info.retry_after = std::chrono::ceil<milliseconds>(plan_.throttled_until() - now);
        return error(failure_->code(), std::move(info), "not asked again yet: " + failure_->cause());
    }

    void renew(transport_ptr const& http)
    {
        constexpr std::chrono::seconds limit(120); // IMDS may take 70 s to be ready, and says so
        operation_ptr op;
        std::unique_ptr<renewal> one;
        try {
            op = http->make_operation(steady_clock::now() + limit);
            one = std::make_unique<renewal>(this->shared_from_this(), http);
        } catch (...) {
            std::lock_guard const lock(mutex_);
            ask_again();
            throw;
        }
        renewals_.start(op, std::move(one), http->background());
    }

    /// Those who wait look whether the renewal's executor still runs: that of another client may have been
    /// stopped, and then one of them asks in its place. As long as the renewal is there, so is its context.
    void feel_pulse()
    {
        std::lock_guard const lock(mutex_);
        if (!renewal_)
            return;
        auto const now = steady_clock::now();
        if (renewal_->pinged_at && now - *renewal_->pinged_at >= pulse) {
            renewals_.close(); // should the context go on after all: a source is asked once at a time
            return ask_again();
        }
        if (renewal_->pinged_at)
            return;
        renewal_->pinged_at = now;
        net::post(renewal_->executor(), [cache = this->shared_from_this(), pinged = renewal_] {
            std::lock_guard const inner(cache->mutex_);
            if (cache->renewal_ == pinged)
                cache->renewal_->pinged_at.reset();
        });
    }

    void succeed(renewal const& from, access_token const& token, double jitter)
    {
        auto const fresh = std::make_shared<field_value const>("Bearer " + token.token());
        std::lock_guard const lock(mutex_);
        if (renewal_ != &from)
            return;
        if (claims_ != from.claims())
            return ask_again(); // demanded while this request was under way: it would be refused too
        claims_.clear();
        failure_.reset();
        current_ = fresh;
        plan_.succeeded(plan_token(steady_clock::now(), token.expires_in(), token.refresh_in(), jitter));
        answer_all(token_answer(fresh));
    }

    void fail(renewal const& from, error const& failure)
    {
        std::lock_guard const lock(mutex_);
        if (renewal_ != &from)
            return;
        if (failure.code() == errc::token_refused)
            claims_.clear(); // passed on once: what the authority cannot grant must not be asked for for ever
        failure_ = failure;
        plan_.failed(steady_clock::now(), failure.info().retry_after);
        answer_all(token_answer(failure));
    }

    /// The renewal under way counts no longer, and those who wait look for themselves. With the lock held, as
    /// the next.
    void ask_again()
    {
        plan_.abandoned();
        answer_all(token_answer());
    }

    void answer_all(token_answer const& what)
    {
        renewal_ = nullptr;
        waiting_.answer_all(what);
    }

    token_source_ptr const source_;
    std::mutex mutex_;
    authorization current_;
    token_plan plan_;
    std::string claims_;           // that the next token must hold
    std::optional<error> failure_; // of the last request, when it failed
    waiters<token_answer> waiting_{mutex_};
    renewal* renewal_ = nullptr; // whose outcome counts
    children<Lazy> renewals_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
