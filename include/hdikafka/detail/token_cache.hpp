// The token cache: one request however many wait, renewal in the background. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_TOKEN_CACHE_HPP
#define HDIKAFKA_DETAIL_TOKEN_CACHE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/handles.hpp>
#include <hdikafka/detail/linked_list.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/operation_registry.hpp>
#include <hdikafka/detail/run_operation.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/token_policy.hpp>
#include <hdikafka/detail/transport.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Where tokens come from.
class token_source
{
public:
    virtual ~token_source() = default;

    /// Asks for a token, as the operation `op`, over the connections of `http`.
    virtual task request(operation_ptr op, transport_ptr http, access_token& token) = 0;

    /// Whether asking again can give another token.
    virtual bool renewable() const noexcept { return true; }
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
            waiter place(this->shared_from_this(), *op);
            token = look(http, &place);
            if (token)
                co_return result<void>();
            while (place.waits() && !op->interrupted())
                co_await op->park();
            if (op->interrupted())
                co_return op->interruption("waiting for a token");
            token = place.token;
            if (token || !place.failure)
                co_return place.failure;
        }
    }

    /// The service refused this token: drops it, unless another has taken its place already. True when
    /// asking again makes sense.
    bool refuse(authorization const& refused)
    {
        std::lock_guard const lock(mutex_);
        if (source_->renewable() && current_ == refused)
            current_.reset();
        return source_->renewable();
    }

private:
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
        explicit flight(std::shared_ptr<token_cache> cache) : cache_(std::move(cache)) {}
        flight(flight const&) = delete;
        flight& operator=(flight const&) = delete;
        ~flight()
        {
            if (!landed_)
                cache_->finish(nullptr, result<void>(), 0);
        }

        void land(access_token const& token, result<void> const& outcome, double jitter)
        {
            cache_->finish(&token, outcome, jitter);
            landed_ = true;
        }

    private:
        std::shared_ptr<token_cache> cache_;
        bool landed_ = false;
    };

    /// The token when one serves, starting a renewal when that is due; otherwise puts `place`, if there is
    /// one, among those who wait.
    authorization look(transport_ptr const& http, waiter* place)
    {
        authorization ready;
        bool launch = false;
        {
            std::lock_guard const lock(mutex_);
            auto const now = steady_clock::now();
            auto const action = current_ ? decide_token(times_, now) : token_action::wait;
            if (action != token_action::wait) {
                ready = current_;
            } else if (place) {
                waiting_.push_back(*place);
            }
            bool const due = action == token_action::wait
                                 ? place != nullptr
                                 : action == token_action::use_and_renew && now >= renewal_pause_;
            launch = due && !in_flight_;
            in_flight_ = in_flight_ || launch;
        }
        if (launch)
            start(http);
        return ready;
    }

    void start(transport_ptr const& http)
    {
        constexpr std::chrono::seconds limit(60);
        auto trip = std::make_unique<flight>(this->shared_from_this());
        auto const op = http->make_operation(steady_clock::now() + limit);
        run_detached(op, renew(op, http, source_, std::move(trip)));
    }

    static task renew(operation_ptr op, transport_ptr http, token_source_ptr source,
                      std::unique_ptr<flight> trip)
    {
        registration<> const entry(http->background(), op);
        if (!entry.added())
            co_return result<void>(); // those who wait and are not closed ask again
        auto const begun = steady_clock::now();
        access_token token;
        result<void> outcome;
        try {
            outcome = co_await source->request(op, http, token);
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
            event.expires_in = token.expires_in();
            event.duration =
                std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
            watcher(event);
        }
        trip->land(token, outcome, http->random().unit());
        co_return outcome;
    }

    /// No token: the request was abandoned. `jitter` in [0, 1).
    void finish(access_token const* token, result<void> const& outcome, double jitter)
    {
        authorization fresh;
        if (token && outcome)
            fresh = std::make_shared<field_value const>("Bearer " + token->token());
        std::lock_guard const lock(mutex_);
        in_flight_ = false;
        if (fresh) {
            current_ = fresh;
            times_ = plan_token(steady_clock::now(), token->expires_in(), token->refresh_in(), jitter);
        } else if (token) {
            renewal_pause_ = steady_clock::now() + std::chrono::seconds(30);
        }
        while (!waiting_.empty()) {
            waiter& one = waiting_.pop_front();
            one.token = fresh;
            one.failure = outcome;
            one.answer();
        }
    }

    token_source_ptr const source_;
    std::mutex mutex_;
    authorization current_;
    token_times times_;
    steady_clock::time_point renewal_pause_; // no renewal in the background before
    linked_list<waiter> waiting_;
    bool in_flight_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
