// The right to use one of an origin's connections.
#ifndef HDIKAFKA_DETAIL_NET_LEASE_HPP
#define HDIKAFKA_DETAIL_NET_LEASE_HPP

#include <hdikafka/detail/net/connection.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class connection_pool;

using pool_ptr = std::shared_ptr<connection_pool<>>;

/// When it dies the connection is free again, or closed if it is not reusable.
template <class Lazy = void>
class lease
{
public:
    using pool = std::shared_ptr<connection_pool<Lazy>>;

    lease() = default;
    lease(pool of, connection_ptr lent) : link(std::move(lent)), pool_(std::move(of)) {}
    lease(lease&&) = default;
    lease& operator=(lease&& other) noexcept
    {
        std::swap(link, other.link);
        std::swap(pool_, other.pool_);
        return *this;
    }
    ~lease()
    {
        if (!pool_)
            return;
        if (!link->reusable())
            link.reset();
        pool_->give_back(std::move(link));
    }

    /// Whether it is a right at all.
    explicit operator bool() const noexcept { return pool_ != nullptr; }

    connection_ptr link; ///< Not null in a right.

private:
    pool pool_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
