// The token cache: one request however many wait, renewal in the background. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_TOKEN_CACHE_HPP
#define HDIKAFKA_DETAIL_TOKEN_CACHE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/operation_registry.hpp>
#include <hdikafka/detail/run_operation.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/token_policy.hpp>
#include <hdikafka/detail/transport.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Where tokens come from.
class token_source
{
public:
    virtual ~token_source() = default;

    /// Asks for a token, as the operation `op`, over the connections of `http`.
    virtual task<result<access_token>> request(operation_ptr op, transport_ptr http) = 0;

    /// Whether asking again can give another token.
    virtual bool renewable() const noexcept { return true; }
};

using token_source_ptr = std::unique_ptr<token_source>;

/// The value of an Authorization field, shared so that using it costs no copy.
using authorization = std::shared_ptr<std::string const>;

template <class Lazy = void>
class token_cache : public std::enable_shared_from_this<token_cache<Lazy>>
{
public:
    explicit token_cache(token_source_ptr source) : source_(std::move(source)) {}

    /// The token to use now, which starts a renewal when that is due; null when there is none.
    authorization current(transport_ptr const& http) { return look(http, nullptr); }

    /// Waits for a token. All who wait share one request and its outcome; one that stops waiting disturbs
    /// nobody.
    task<result<authorization>> wait(operation_ptr op, transport_ptr http)
    {
        for (;;) {
            auto const ticket = std::make_shared<waiter>(op);
            auto ready = look(http, ticket);
            if (ready)
                co_return ready;
            place_in_queue const place(this->shared_from_this(), ticket);
            while (!ticket->answered && !op->interrupted())
                co_await op->park();
            if (op->interrupted())
                co_return interrupted_error(op->interrupted(), "waiting for a token");
            if (ticket->outcome)
                co_return *ticket->outcome;
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
    /// Somebody who waits for the request under way. Answered without an outcome: the request was
    /// abandoned with the executor it ran on, ask again. Belongs to the operation's strand.
    class waiter
    {
    public:
        explicit waiter(operation_ptr waiting) : op(std::move(waiting)) {}

        operation_ptr op;
        bool answered = false;
        std::optional<result<authorization>> outcome;

        std::list<std::shared_ptr<waiter>>::iterator place; // these two belong to the cache's lock
        bool queued = false;
    };

    /// Takes a waiter out of the queue when it stops waiting, also because its executor is destroyed:
    /// the cache outlives executors and must not touch one that is gone.
    class place_in_queue
    {
    public:
        place_in_queue(std::shared_ptr<token_cache> cache, std::shared_ptr<waiter> ticket)
            : cache_(std::move(cache)), ticket_(std::move(ticket))
        {}
        place_in_queue(place_in_queue const&) = delete;
        place_in_queue& operator=(place_in_queue const&) = delete;
        ~place_in_queue()
        {
            std::lock_guard const lock(cache_->mutex_);
            if (ticket_->queued)
                cache_->waiting_.erase(ticket_->place);
        }

    private:
        std::shared_ptr<token_cache> cache_;
        std::shared_ptr<waiter> ticket_;
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
                cache_->finish(std::nullopt, 0);
        }

        void land(result<access_token> const& token, double jitter)
        {
            landed_ = true;
            cache_->finish(token, jitter);
        }

    private:
        std::shared_ptr<token_cache> cache_;
        bool landed_ = false;
    };

    /// The token when one serves, starting a renewal when that is due; otherwise puts `ticket`, if there
    /// is one, among those who wait.
    authorization look(transport_ptr const& http, std::shared_ptr<waiter> const& ticket)
    {
        authorization ready;
        bool launch = false;
        {
            std::lock_guard const lock(mutex_);
            auto const now = steady_clock::now();
            auto const action = current_ ? decide_token(times_, now) : token_action::wait;
            if (action != token_action::wait) {
                ready = current_;
            } else if (ticket) {
                ticket->place = waiting_.insert(waiting_.end(), ticket);
                ticket->queued = true;
            }
            bool const due = action == token_action::wait
                                 ? ticket != nullptr
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
        auto const op = std::make_shared<operation<>>(http->executor(), steady_clock::now() + limit);
        auto trip = std::make_unique<flight>(this->shared_from_this());
        run_detached(op, renew(op, http, source_, std::move(trip)));
    }

    static task<bool> renew(operation_ptr op, transport_ptr http, std::shared_ptr<token_source> source,
                            std::unique_ptr<flight> trip)
    {
        registration<> const entry(http->background(), op);
        if (!entry.added())
            co_return false; // those who wait and are not closed ask again
        result<access_token> token = error(errc::token_refused);
        try {
            token = co_await source->request(op, http);
        } catch (error const& thrown) {
            token = thrown;
        } catch (std::exception const& thrown) {
            token = error(errc::token_refused, thrown.what());
        } catch (...) {
            token = error(errc::token_refused, "the callback threw something that is no std::exception");
        }
        if (!token && op->stopped() == errc::closed)
            co_return false;
        if (!token && op->stopped())
            token = error(op->stopped(), "asking for a token took too long");
        trip->land(token, http->random().unit());
        co_return true;
    }

    /// nullopt: the request was abandoned. `jitter` in [0, 1).
    void finish(std::optional<result<access_token>> const& token, double jitter)
    {
        std::optional<result<authorization>> outcome;
        std::lock_guard const lock(mutex_);
        in_flight_ = false;
        if (token && *token) {
            access_token const& fresh = token->value();
            current_ = std::make_shared<std::string const>("Bearer " + fresh.token());
            times_ = plan_token(steady_clock::now(), fresh.expires_in(), fresh.refresh_in(), jitter);
            outcome.emplace(current_);
        } else if (token) {
            outcome.emplace(token->error());
            renewal_pause_ = steady_clock::now() + std::chrono::seconds(30);
        }
        // Under the lock: a waiter whose executor is being destroyed waits for it before it goes.
        for (auto const& one : waiting_) {
            one->queued = false;
            one->op->wake([one, outcome] {
                one->answered = true;
                one->outcome = outcome;
            });
        }
        waiting_.clear();
    }

    std::shared_ptr<token_source> const source_;
    std::mutex mutex_;
    authorization current_;
    token_times times_;
    steady_clock::time_point renewal_pause_; // no renewal in the background before
    std::list<std::shared_ptr<waiter>> waiting_;
    bool in_flight_ = false;
};

using token_cache_ptr = std::shared_ptr<token_cache<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
