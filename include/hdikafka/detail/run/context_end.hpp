// Who has to know that an executor's context is about to be destroyed.
#ifndef HDIKAFKA_DETAIL_RUN_CONTEXT_END_HPP
#define HDIKAFKA_DETAIL_RUN_CONTEXT_END_HPP

#include <hdikafka/detail/run/asio_io.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The context behind an executor, whatever strands lie between.
inline net::execution_context& context_of(net::any_io_executor const& executor)
{
    return net::query(executor, net::execution::context);
}

/// Outlives contexts and hands something to what waits on them.
class context_mourner
{
public:
    virtual ~context_mourner() = default;

    /// On the thread that destroys the context, before anything of it is gone. Nothing may be posted into it
    /// when this has returned: Asio takes its queue apart without a lock.
    virtual void context_ends(net::execution_context const& which) noexcept = 0;
};

/// A service of the context. Asio shuts down the youngest first, hence this one before what runs handlers.
template <class = void>
class context_end final : public net::execution_context::service
{
public:
    static inline net::execution_context::id id; ///< For Asio.

    explicit context_end(net::execution_context& context) : service(context) {}

    /// `who` is told, unless it is gone by then. While something runs on the context; thread-safe.
    static void tell(net::execution_context& context, std::weak_ptr<context_mourner> const& who)
    {
        net::use_service<context_end>(context).add(who);
    }

private:
    void add(std::weak_ptr<context_mourner> const& who)
    {
        auto const same = [&who](std::weak_ptr<context_mourner> const& one) {
            return !one.owner_before(who) && !who.owner_before(one);
        };
        std::lock_guard const lock(mutex_);
        std::erase_if(told_, [](auto const& one) { return one.expired(); });
        if (std::ranges::none_of(told_, same))
            told_.push_back(who);
    }

    void shutdown() noexcept override
    {
        std::vector<std::weak_ptr<context_mourner>> told;
        {
            std::lock_guard const lock(mutex_);
            told.swap(told_);
        }
        for (auto const& one : told)
            if (auto const who = one.lock())
                who->context_ends(this->context());
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<context_mourner>> told_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
