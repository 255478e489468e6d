// Sees to it that a pool's plan is asked again when its time has come.
#ifndef HDIKAFKA_DETAIL_NET_POOL_ALARM_HPP
#define HDIKAFKA_DETAIL_NET_POOL_ALARM_HPP

#include <hdikafka/detail/net/connection_maker.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A child of the pool, which is there only as long as there is a time to wait for: nothing keeps a program
/// at rest from ending.
template <class Pool>
class pool_alarm
{
public:
    using time_point = steady_clock::time_point;

    static constexpr time_point never = time_point::max();

    /// Calls `time_point Pool::rings(bell&)` when it is time.
    class bell final : public child<>
    {
    public:
        explicit bell(std::shared_ptr<Pool> owner) : pool_(std::move(owner)) {}

        task run(operation_ptr op) override
        {
            while (!op->interrupted()) {
                auto const due = pool_->rings(*this);
                dismissed_ = due == never;
                if (dismissed_)
                    co_return result<void>();
                co_await op->park(due);
            }
            co_return op->interruption("waiting to connect");
        }
        void ended(result<void> const&) noexcept override
        {
            if (!dismissed_)
                pool_->bell_lost();
        }

    private:
        friend class pool_alarm;

        std::shared_ptr<Pool> const pool_;
        bool dismissed_ = false;
    };

    // With the pool's lock:

    bool silent() const noexcept { return !bell_; }

    /// It is to ring then. True: begin() is to be called, without the lock.
    bool set(time_point at) noexcept
    {
        if (!bell_) {
            bool const wanted = at != never && !comes_;
            comes_ = comes_ || wanted;
            return wanted;
        }
        if (at < due_ || (at == never && due_ != never)) {
            due_ = at;
            bell_->by().wake();
        }
        return false;
    }

    /// The bell that rings now is to ring again then; never: it goes.
    void set(bell& one, time_point at) noexcept
    {
        bell_ = at == never ? nullptr : &one;
        comes_ = at != never;
        due_ = at;
    }

    /// It has gone by itself, or could not come.
    void lost() noexcept
    {
        bell_ = nullptr;
        comes_ = false;
    }

    // Without it:

    void begin(std::shared_ptr<Pool> const& pool, connection_maker<>& maker) noexcept
    {
        std::unique_ptr<bell> one;
        operation_ptr op;
        try {
            one = std::make_unique<bell>(pool);
            op = maker.make_operation(never);
        } catch (...) {
            return pool->bell_lost(); // the next event asks for one again
        }
        maker.begin(bells_, op, std::move(one));
    }

private:
    children<> bells_;
    bell* bell_ = nullptr; // at most one
    bool comes_ = false;   // it has been begun
    time_point due_ = never;
};

} // namespace hdikafka::inline v0_1::detail

#endif
