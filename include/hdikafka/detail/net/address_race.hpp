// Connecting to whichever of a host's addresses answers first (RFC 8305 §5).
#ifndef HDIKAFKA_DETAIL_NET_ADDRESS_RACE_HPP
#define HDIKAFKA_DETAIL_NET_ADDRESS_RACE_HPP

#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

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
inline steady_clock::time_point next_attempt(steady_clock::time_point now,
                                             steady_clock::time_point last_began, bool others_under_way,
                                             bool one_failed)
{
    return others_under_way && !one_failed ? last_began + connection_attempt_delay : now;
}

/// An attempt under way. Whoever is in the race may be at work on another thread than its handler: what that
/// writes is looked at only after `finished`.
class connection_attempt
{
public:
    explicit connection_attempt(net::any_io_executor const& executor) : socket(executor) {}

    net::ip::tcp::socket socket;
    std::atomic<bool> finished = false;
    std::error_code failure;
};

/// The addresses that are left to try. An attempt that loses is stopped, its address stays.
template <class = void>
class address_race
{
public:
    using address_list = std::vector<net::ip::tcp::endpoint>;

    address_race(operation_ptr op, net::any_io_executor const& executor, address_list addresses)
        : op_(std::move(op)), executor_(executor), left_(std::move(addresses))
    {
        alternate_families(left_, [](auto const& one) { return one.address().is_v6(); });
    }
    address_race(address_race const&) = delete;
    address_race& operator=(address_race const&) = delete;
    ~address_race() { stop(); }

    bool exhausted() const noexcept { return left_.empty(); }

    /// Connects `winner` to one of the addresses, which is not tried again afterwards.
    task run(std::string const& name, net::ip::tcp::socket& winner)
    {
        error last(errc::connect_failed, name + " has no address");
        auto begun = steady_clock::now();
        for (;;) {
            bool failed = false;
            while (auto const attempt = take_finished()) {
                if (!attempt->failure)
                    attempt->socket.non_blocking(true, attempt->failure);
                if (!attempt->failure) {
                    std::error_code unimportant;
                    attempt->socket.set_option(net::ip::tcp::no_delay(true), unimportant);
                    winner = std::move(attempt->socket);
                    stop();
                    co_return result<void>();
                }
                failed = true;
                last =
                    error(errc::connect_failed, "connecting to " + name + ": " + attempt->failure.message());
            }
            if (op_->interrupted()) {
                stop();
                co_return op_->interruption("connecting to " + name);
            }
            bool const more = running_.size() < left_.size();
            auto const now = steady_clock::now();
            auto const due = next_attempt(now, begun, !running_.empty(), failed);
            if (more && now >= due) {
                start(left_[running_.size()]);
                begun = now;
                continue;
            }
            if (running_.empty())
                co_return last;
            auto const until = more ? due : steady_clock::time_point::max();
            co_await op_->park(until);
        }
    }

private:
    using attempt_ptr = std::shared_ptr<connection_attempt>;

    void start(net::ip::tcp::endpoint const& address)
    {
        auto const one = std::make_shared<connection_attempt>(executor_);
        running_.push_back(one);
        one->socket.async_connect(address, [one, op = op_](std::error_code ended) {
            one->failure = ended;
            one->finished = true;
            op->wake();
        });
    }

    /// An attempt that is over, whose address is off the list then; null when there is none.
    attempt_ptr take_finished()
    {
        for (std::size_t i = 0; i < running_.size(); ++i) {
            if (!running_[i]->finished)
                continue;
            auto const at = static_cast<std::ptrdiff_t>(i);
            attempt_ptr found = std::move(running_[i]);
            running_.erase(running_.begin() + at);
            left_.erase(left_.begin() + at);
            return found;
        }
        return nullptr;
    }

    void stop()
    {
        std::error_code ignored;
        for (auto const& attempt : running_)
            attempt->socket.close(ignored);
        running_.clear();
    }

    operation_ptr op_;
    net::any_io_executor const& executor_;
    address_list left_;
    std::vector<attempt_ptr> running_; // to the first of those that are left
};

} // namespace hdikafka::inline v0_1::detail

#endif
