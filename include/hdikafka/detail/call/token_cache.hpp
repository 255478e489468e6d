// The token cache: one request however many wait, renewal in the background.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_CACHE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/call/token_plan.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/registry.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
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
            waiter place(this->shared_from_this(), *op);
            token = look(http, &place);
            if (token)
                co_return result<void>();
            // Another thread may answer from now on: what it says is read when this has left the queue.
            while (place.waits() && !op->interrupted()) {
                co_await op->park(steady_clock::now() + pulse);
                feel_pulse();
            }
            if (op->interrupted())
                co_return op->interruption("waiting for a token");
            token = place.token;
            if (token || !place.failure)
                co_return place.failure;
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
    static constexpr milliseconds pulse{500};

    /// Somebody who waits for the request under way, on the stack of its coroutine. It leaves the queue with
    /// that, also because its executor's context is destroyed: the cache outlives contexts and must not
    /// touch one that is gone.
    class waiter : public list_link
    {
    public:
        waiter(std::shared_ptr<token_cache> cache, operation<>& op) : cache_(std::move(cache)), op_(op) {}
        ~waiter()
        {
            std::lock_guard const lock(cache_->mutex_);
            if (this->linked())
                cache_->waiting_.remove(*this);
        }

        bool waits() const
        {
            std::lock_guard const lock(cache_->mutex_);
            return this->linked();
        }

        /// With the lock held, when it has left the queue.
        void answer() { op_.wake(); }

        // Given with the lock held, while it waits. Neither: the request was abandoned, ask again.
        authorization token;
        result<void> failure;

    private:
        std::shared_ptr<token_cache> cache_;
        operation<>& op_;
    };

    /// A request under way. Tells the waiters even when its coroutine is destroyed half-way.
    class flight
    {
    public:
        /// With the lock held.
        explicit flight(std::shared_ptr<token_cache> cache, net::any_io_executor where)
            : claims(cache->claims_), executor(std::move(where)), cache_(std::move(cache))
        {
            cache_->trip_ = this;
        }
        flight(flight const&) = delete;
        flight& operator=(flight const&) = delete;
        ~flight()
        {
            std::lock_guard const lock(cache_->mutex_);
            if (cache_->trip_ == this)
                cache_->ask_again();
        }

        void land(access_token const& token, result<void> const& outcome, double jitter)
        {
            if (outcome)
                cache_->succeed(*this, token, jitter);
            else
                cache_->fail(*this, outcome.error());
        }

        std::string const claims; ///< What the token is to hold.
        net::any_io_executor const executor;

        // With the lock.
        std::weak_ptr<operation<>> op;                     ///< Who asks.
        std::optional<steady_clock::time_point> pinged_at; ///< When a sign of life was asked of the executor.

    private:
        std::shared_ptr<token_cache> cache_;
    };

    /// The token when one serves, starting a renewal when that is due; otherwise puts `place`, if there is
    /// one, among those who wait, or gives it the failure when nobody may ask.
    authorization look(transport_ptr const& http, waiter* place)
    {
        authorization ready;
        std::unique_ptr<flight> trip;
        {
            std::lock_guard const lock(mutex_);
            auto const now = steady_clock::now();
            token_step const next = plan_.look(now, place != nullptr);
            if (next.action == token_action::use) {
                ready = current_;
            } else if (place && next.action == token_action::wait) {
                waiting_.push_back(*place);
            } else if (place) {
                place->failure = too_early(now);
            }
            if (next.ask)
                trip = std::make_unique<flight>(this->shared_from_this(), http->executor());
        }
        if (trip)
            start(http, std::move(trip));
        return ready;
    }

    /// The last request's failure, as long as the authority wants to be left alone.
    error too_early(steady_clock::time_point now) const
    {
        diagnostics info = failure_->info();
        info.retry_after = std::chrono::ceil<milliseconds>(plan_.throttled_until() - now);
        return error(failure_->code(), std::move(info), "not asked again yet: " + failure_->cause());
    }

    void start(transport_ptr const& http, std::unique_ptr<flight> trip)
    {
        constexpr std::chrono::seconds limit(120); // IMDS may take 70 s to be ready, and says so
        auto const op = http->make_operation(steady_clock::now() + limit);
        {
            std::lock_guard const lock(mutex_);
            trip->op = op;
        }
        run_detached(op, renew(op, http, source_, std::move(trip)));
    }

    static task renew(operation_ptr op, transport_ptr http, token_source_ptr source,
                      std::unique_ptr<flight> trip)
    {
        registration<> const entry(http->background(), op);
        if (!entry.added())
            co_return result<void>(); // those who wait and are not closed ask again
        auto const begun = steady_clock::now();
        token_grant grant;
        result<void> outcome;
        try {
            outcome = co_await source->request(op, http, trip->claims, grant);
        } catch (error const& thrown) {
            outcome = thrown;
        } catch (std::exception const& thrown) {
            outcome = error(errc::token_refused, thrown.what());
        } catch (...) {
            outcome = error(errc::token_refused, "the callback threw something that is no std::exception");
        }
        if (!outcome && op->stopped() == errc::closed)
            co_return outcome;
        if (!outcome && op->stopped())
            outcome = error(op->stopped(), "asking for a token took too long");
        if (observer const& watcher = http->settings().observer) {
            token_renewed event;
            event.code = outcome ? std::error_code() : outcome.error().code();
            event.source = grant.source;
            event.passed_over = grant.passed_over;
            event.expires_in = grant.token.expires_in();
            event.duration =
                std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
            watcher(event);
        }
        trip->land(grant.token, outcome, http->random().unit());
        co_return outcome;
    }

    /// Those who wait look whether the request's executor still runs: that of another client may have been
    /// stopped, and then one of them asks in its place. As long as the flight is there, so is its context.
    void feel_pulse()
    {
        std::lock_guard const lock(mutex_);
        if (!trip_)
            return;
        auto const now = steady_clock::now();
        if (trip_->pinged_at && now - *trip_->pinged_at >= pulse) {
            if (auto const op = trip_->op.lock())
                op->close(); // should the context go on after all: a source is asked once at a time
            return ask_again();
        }
        if (trip_->pinged_at)
            return;
        trip_->pinged_at = now;
        net::post(trip_->executor, [cache = this->shared_from_this(), pinged = trip_] {
            std::lock_guard const inner(cache->mutex_);
            if (cache->trip_ == pinged)
                cache->trip_->pinged_at.reset();
        });
    }

    void succeed(flight const& from, access_token const& token, double jitter)
    {
        auto const fresh = std::make_shared<field_value const>("Bearer " + token.token());
        std::lock_guard const lock(mutex_);
        if (trip_ != &from)
            return;
        if (claims_ != from.claims)
            return ask_again(); // demanded while this request was under way: it would be refused too
        claims_.clear();
        failure_.reset();
        current_ = fresh;
        plan_.succeeded(plan_token(steady_clock::now(), token.expires_in(), token.refresh_in(), jitter));
        answer_all(fresh, result<void>());
    }

    void fail(flight const& from, error const& failure)
    {
        std::lock_guard const lock(mutex_);
        if (trip_ != &from)
            return;
        if (failure.code() == errc::token_refused)
            claims_.clear(); // passed on once: what the authority cannot grant must not be asked for for ever
        failure_ = failure;
        plan_.failed(steady_clock::now(), failure.info().retry_after);
        answer_all(nullptr, failure);
    }

    /// The request under way counts no longer, and those who wait look for themselves. With the lock held, as
    /// the next.
    void ask_again()
    {
        plan_.abandoned();
        answer_all(nullptr, result<void>());
    }

    void answer_all(authorization const& token, result<void> const& outcome)
    {
        trip_ = nullptr;
        while (!waiting_.empty()) {
            waiter& one = waiting_.pop_front();
            one.token = token;
            one.failure = outcome;
            one.answer();
        }
    }

    token_source_ptr const source_;
    std::mutex mutex_;
    authorization current_;
    token_plan plan_;
    flight* trip_ = nullptr;       // the request under way
    std::string claims_;           // that the next token must hold
    std::optional<error> failure_; // of the last request, when it failed
    linked_list<waiter> waiting_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
