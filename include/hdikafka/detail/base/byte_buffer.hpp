// byte_buffer: bytes that grow at the end and are never initialised for nothing.
#ifndef HDIKAFKA_DETAIL_BASE_BYTE_BUFFER_HPP
#define HDIKAFKA_DETAIL_BASE_BYTE_BUFFER_HPP

#include <hdikafka/version.hpp>

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A move-only buffer that is read into: `prepare(n)` gives room behind the content, `commit(n)` makes
/// what was written there content. Moving keeps views into it valid; growing does not.
class byte_buffer
{
public:
    byte_buffer() = default;
    byte_buffer(byte_buffer const&) = delete;
    byte_buffer(byte_buffer&& other) noexcept
        : memory_(std::move(other.memory_)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0))
    {}
    byte_buffer& operator=(byte_buffer const&) = delete;
    byte_buffer& operator=(byte_buffer&& other) noexcept
    {
        memory_ = std::move(other.memory_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }
    ~byte_buffer() = default;

    char* data() noexcept { return memory_.get(); }
    char const* data() const noexcept { return memory_.get(); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::string_view view() const noexcept { return {data(), size_}; }

    /// Room for `n` more bytes; the capacity at least doubles when it has to grow.
    std::span<char> prepare(std::size_t n)
    {
        if (capacity_ - size_ < n)
            reserve(std::max(size_ + n, 2 * capacity_));
        return {data() + size_, n};
    }

    /// Makes the first `n` bytes of the room content; `n` is at most what was prepared.
    void commit(std::size_t n) noexcept { size_ += n; }

    /// Makes the capacity exactly `total` if it is less.
    void reserve(std::size_t total)
    {
        if (total <= capacity_)
            return;
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): realloc often need not copy
        auto* const larger = static_cast<char*>(std::realloc(memory_.get(), total));
        if (larger == nullptr)
            throw std::bad_alloc();
        static_cast<void>(memory_.release()); // realloc has freed it, or it is the same
        memory_.reset(larger);
        capacity_ = total;
    }

    /// Gives back what the content does not take, if that is much. Views into it do not stay valid.
    void shrink() noexcept
    {
        if (capacity_ - size_ <= size_ / 4 || size_ == 0)
            return;
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): as above
        auto* const smaller = static_cast<char*>(std::realloc(memory_.get(), size_));
        if (smaller == nullptr)
            return;
        static_cast<void>(memory_.release());
        memory_.reset(smaller);
        capacity_ = size_;
    }

    void append(std::string_view text)
    {
        if (text.empty())
            return;
        std::memcpy(prepare(text.size()).data(), text.data(), text.size());
        commit(text.size());
    }

    /// Drops the first `n` bytes of the content; the rest moves to the front.
    void erase_front(std::size_t n) noexcept
    {
        if (n != 0 && n != size_)
            std::memmove(data(), data() + n, size_ - n);
        size_ -= n;
    }

    /// Keeps the first `n` bytes of the content.
    void truncate(std::size_t n) noexcept { size_ = n; }

    /// Wipes all of the memory and forgets the content.
    void cleanse() noexcept
    {
        OPENSSL_cleanse(data(), capacity_);
        clear();
    }

    /// Forgets the content and keeps the memory.
    void clear() noexcept { size_ = 0; }

private:
    struct free_memory
    {
        void operator()(char* memory) const noexcept
        {
            std::free(memory); // NOLINT(cppcoreguidelines-no-malloc): came from realloc
        }
    };

    std::unique_ptr<char, free_memory> memory_; ///< From malloc: realloc often need not copy.
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
