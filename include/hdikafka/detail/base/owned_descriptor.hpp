// Who closes a file descriptor.
#ifndef HDIKAFKA_DETAIL_BASE_OWNED_DESCRIPTOR_HPP
#define HDIKAFKA_DETAIL_BASE_OWNED_DESCRIPTOR_HPP

#include <hdikafka/version.hpp>

#if __has_include(<unistd.h>)
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
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

/// What is left of a file, to its end or until that is more than `most` bytes; nullopt when that fails, and
/// errno says why.
inline std::optional<std::string> read_until_more_than(std::size_t most, int descriptor)
{
    constexpr std::size_t piece = 65536;
    std::string out;
    while (out.size() <= most) {
        std::size_t const before = out.size();
        out.resize(before + piece);
        auto const count = ::read(descriptor, out.data() + before, piece);
        if (count < 0 && errno != EINTR)
            return std::nullopt;
        out.resize(before + static_cast<std::size_t>(std::max<decltype(count)>(count, 0)));
        if (count == 0)
            break;
    }
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif

#endif
