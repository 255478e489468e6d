// A task that runs by itself.
#ifndef HDIKAFKA_TESTS_SUPPORT_RUN_DETACHED_HPP
#define HDIKAFKA_TESTS_SUPPORT_RUN_DETACHED_HPP

#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>

#include <memory>
#include <utility>

namespace test {

/// Whose outcome nobody waits for.
class unawaited final : public hdikafka::detail::completion
{
public:
    explicit unawaited(hdikafka::detail::task work) : work_(std::move(work)) {}

    hdikafka::detail::task& work() noexcept { return work_; }
    void complete(bool) override {}

private:
    hdikafka::detail::task work_;
};

/// `later`: not before the executor has done what it has to do already.
inline void run_detached(hdikafka::detail::operation_ptr const& op, hdikafka::detail::task work,
                         bool later = false)
{
    auto after = std::make_unique<unawaited>(std::move(work));
    op->runs(after->work());
    op->start(std::move(after), later);
}

} // namespace test

#endif
