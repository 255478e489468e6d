// Looking up the addresses of hosts: one look-up at a time, and its result for all who wait.
#ifndef HDIKAFKA_DETAIL_NET_NAMES_HPP
#define HDIKAFKA_DETAIL_NET_NAMES_HPP

#include <hdikafka/detail/net/address_race.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/context_end.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The look-ups of all clients of one execution context, whose resolvers have one thread: the program's own
/// look-ups there stand behind one of these at most, and no host is looked up twice at a time. Thread-safe.
///
/// getaddrinfo cannot be stopped: one that nobody waits for any more goes on to its end, and until then, as
/// with any of Asio's resolvers, the context does not run out of work.
template <class Lazy = void>
class name_lookups : public std::enable_shared_from_this<name_lookups<Lazy>>
{
public:
    using address_list = address_race<>::address_list;

    /// For whoever connects that soon after a look-up has ended, its result is good, unless it did not serve.
    static constexpr milliseconds serves_for{1'000};

    /// Finds the addresses; ends with the operation's interruption at once, whatever the resolver does. The
    /// host outlives it; errors call it `name`.
    task find(operation_ptr op, std::string const& host, std::uint16_t port, std::string name,
              address_list& addresses)
    {
        std::shared_ptr<search> const which = search_for(host, port, op->executor());
        std::string const doing = "looking up the host of " + name;
        result<void> outcome;
        {
            place mine(which, which->waiting, *op);
            if (stand_in_line(which, mine))
                outcome = co_await mine.wait(doing);
        }
        if (outcome)
            outcome = take(*which, doing, addresses);
        else
            abandon(*which);
        co_return outcome;
    }

    /// What was found did not serve: the next one asks again.
    void forget(std::string const& host, std::uint16_t port)
    {
        std::lock_guard const lock(*mutex_);
        std::erase_if(known_, [&](search_ptr const& each) {
            return each->state == stage::done && each->port == port && each->host == host;
        });
    }

    /// The context ends: its resolvers must be gone before the services that they belong to.
    void clear() noexcept
    {
        std::lock_guard const lock(*mutex_);
        known_.clear();
    }

private:
    enum class stage : unsigned char
    {
        planned,
        under_way,
        done,
    };

    class search
    {
    public:
        search(std::string name, std::uint16_t at, net::any_io_executor const& executor,
               std::shared_ptr<std::mutex> of)
            : host(std::move(name)), port(at), resolver(executor), mutex(std::move(of)), waiting(*mutex)
        {}

        std::string const host;
        std::uint16_t const port;
        net::ip::tcp::resolver resolver;
        stage state = stage::planned;
        std::error_code failure;
        address_list found;
        steady_clock::time_point ended;
        std::shared_ptr<std::mutex> const mutex;
        waiters<> waiting;
    };

    using search_ptr = std::shared_ptr<search>;
    using place = waiters<>::place;
    using results = net::ip::tcp::resolver::results_type;

    /// The one whose result will do, or a new one.
    search_ptr search_for(std::string const& host, std::uint16_t port, net::any_io_executor const& executor)
    {
        auto const now = steady_clock::now();
        std::lock_guard const lock(*mutex_);
        std::erase_if(known_, [now](search_ptr const& each) {
            return each->state == stage::done && (each->failure || now - each->ended > serves_for);
        });
        for (search_ptr const& each : known_)
            if (each->port == port && each->host == host)
                return each;
        known_.push_back(std::make_shared<search>(host, port, executor, mutex_));
        return known_.back();
    }

    /// False: the result is there.
    bool stand_in_line(search_ptr const& which, place& mine)
    {
        std::lock_guard const lock(*mutex_);
        if (which->state == stage::done)
            return false;
        which->waiting.join(mine);
        begin_next();
        return mine.linked();
    }

    /// Nobody else may wait: then it is not begun any more if it stands behind others in the context's queue.
    void abandon(search& which)
    {
        std::lock_guard const lock(*mutex_);
        if (which.waiting.empty() && which.state == stage::under_way)
            which.resolver.cancel();
    }

    result<void> take(search const& which, std::string const& doing, address_list& addresses)
    {
        std::lock_guard const lock(*mutex_);
        addresses = which.found;
        if (which.failure || addresses.empty())
            return error(errc::resolve_failed, doing + ": " + which.failure.message());
        return result<void>();
    }

    // With the lock:

    /// Unless one is under way: the one for which somebody has waited longest.
    void begin_next()
    {
        while (!busy_) {
            auto const next = std::ranges::find_if(known_, [](search_ptr const& each) {
                return each->state == stage::planned && !each->waiting.empty();
            });
            if (next == known_.end())
                return;
            search_ptr const& one = *next;
            begin(one);
        }
    }

    void begin(search_ptr const& one)
    {
        busy_ = true;
        one->state = stage::under_way;
        auto done = [all = this->shared_from_this(), one](std::error_code ended, results found) {
            std::lock_guard const lock(*all->mutex_);
            all->conclude(*one, ended, found);
            all->begin_next();
        };
        try {
            one->resolver.async_resolve(one->host, std::to_string(one->port),
                                        net::ip::tcp::resolver::numeric_service, std::move(done));
        } catch (std::system_error const& why) { // no thread could be made
            conclude(*one, why.code(), results());
        } catch (std::bad_alloc const&) {
            conclude(*one, std::make_error_code(std::errc::not_enough_memory), results());
        }
    }

    void conclude(search& one, std::error_code why, results const& found)
    {
        busy_ = false;
        // Cancelled when nobody waited, and somebody came since.
        bool const again = why == net::error::operation_aborted && !one.waiting.empty();
        one.state = again ? stage::planned : stage::done;
        if (again)
            return;
        one.failure = why;
        one.ended = steady_clock::now();
        for (auto const& entry : found)
            one.found.push_back(entry.endpoint());
        one.waiting.answer_all();
    }

    std::shared_ptr<std::mutex> const mutex_ = std::make_shared<std::mutex>();
    std::vector<search_ptr> known_; // in the order in which they were asked for
    bool busy_ = false;             // one is under way
};

/// Has the look-ups of an execution context.
template <class = void>
class lookup_service final : public net::execution_context::service
{
public:
    inline static net::execution_context::id id;

    explicit lookup_service(net::execution_context& context) : service(context) {}

    std::shared_ptr<name_lookups<>> const names = std::make_shared<name_lookups<>>();

private:
    void shutdown() noexcept override { names->clear(); }
};

template <class = void>
std::shared_ptr<name_lookups<>> names_of(net::any_io_executor const& executor)
{
    return net::use_service<lookup_service<>>(context_of(executor)).names;
}

} // namespace hdikafka::inline v0_1::detail

#endif
