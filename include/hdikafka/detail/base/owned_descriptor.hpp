// Who closes a file descriptor.
#ifndef HDIKAFKA_DETAIL_BASE_OWNED_DESCRIPTOR_HPP
#define HDIKAFKA_DETAIL_BASE_OWNED_DESCRIPTOR_HPP

#include <hdikafka/version.hpp>

#if __has_include(<unistd.h>)
#include <unistd.h>

#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A file descriptor that is closed with this.
class owned_descriptor
{
public:
    owned_descriptor() = default;
    explicit owned_descriptor(int number) noexcept : number_(number) {}
    owned_descriptor(owned_descriptor&& other) noexcept : number_(other.release()) {}
    owned_descriptor& operator=(owned_descriptor other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~owned_descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }

    int number() const noexcept { return number_; }
    int release() noexcept { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

} // namespace hdikafka::inline v0_1::detail

#endif

#endif
