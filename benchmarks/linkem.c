/* linkem: bad lines between two network devices, for kernels without netem.
 *
 *     linkem CONFIG CENTRE STATIONS
 *
 * Makes two TUN devices with these names, to be moved into a network namespace each, and carries IPv4 packets between
 * them over one line for each station. A station is known by the last two bytes of its address. Lines of CONFIG:
 *
 *     first last down_kbit up_kbit delay_ms loss_percent queue_kib
 *
 * each for the stations first to last: rate towards the station and back, delay of one way, loss of each way, and the
 * length of the queue before each way, at whose end packets are dropped. A rate of 0 is a line that is cut. SIGHUP
 * reads CONFIG again, while packets are under way. The real TCP of the kernel is at both ends.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOT_US = 200, SLOTS = 65536, BATCH = 64, STATIONS = 65536, PACKET_BYTES = 1600 };

struct packet {
    struct packet *next;
    int length, way;
    unsigned char data[PACKET_BYTES];
};

struct line {
    double bytes_per_us[2], free_at_us[2]; /* by way: 0 towards the station, 1 back */
    double delay_us, loss, queue_bytes;
};

/* A wheel of slots, each a list of the packets that are due in it. */
static struct packet *first_due[SLOTS], *last_due[SLOTS], *unused;
static long under_way;
static uint64_t slot_now;
static struct line lines[STATIONS];
static volatile sig_atomic_t must_read = 1;

static void on_hangup(int signal_number) { (void)signal_number; must_read = 1; }

static uint64_t read_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static uint64_t dice = 88172645463325252ull; /* stirred with the clock: rounds that are added later lose other packets */

static double throw_dice(void) { /* xorshift */
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (dice >> 11) / 9007199254740992.0;
}

static int open_device(const char *name) {
    struct ifreq request;
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (device < 0 || ioctl(device, TUNSETIFF, &request) < 0) {
        perror("/dev/net/tun");
        exit(1);
    }
    return device;
}

static void read_config(const char *path) {
    char text[256];
    int first, last;
    double down_kbit, up_kbit, delay_ms, loss_percent, queue_kib;
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (fgets(text, sizeof text, file)) {
        if (sscanf(text, "%d %d %lf %lf %lf %lf %lf", &first, &last, &down_kbit, &up_kbit, &delay_ms, &loss_percent,
                   &queue_kib) != 7)
            continue;
        for (int station = first; station <= last && station < STATIONS; station++) {
            struct line *line = &lines[station];
            line->bytes_per_us[0] = down_kbit / 8000;
            line->bytes_per_us[1] = up_kbit / 8000;
            line->delay_us = delay_ms * 1000;
            line->loss = loss_percent / 100;
            line->queue_bytes = queue_kib * 1024;
        }
    }
    fclose(file);
}

static void wait_for_work(int *devices) {
    struct pollfd readable[2] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}};
    struct timespec wait, *until = NULL;
    if (under_way) {
        uint64_t slot = slot_now + 1, now_us = read_us();
        while (!first_due[slot % SLOTS]) slot++;
        uint64_t wait_us = slot * SLOT_US > now_us ? slot * SLOT_US - now_us : 0;
        wait.tv_sec = wait_us / 1000000;
        wait.tv_nsec = wait_us % 1000000 * 1000;
        until = &wait;
    }
    ppoll(readable, 2, until, NULL);
}

static void drop(struct packet *packet) {
    packet->next = unused;
    unused = packet;
}

/* Takes one packet off a device and puts it on its line; tells whether there was one. */
static int take_up(int *devices, int way) {
    struct packet *packet = unused;
    if (packet) unused = packet->next;
    else packet = malloc(sizeof *packet);
    int length = read(devices[way], packet->data, PACKET_BYTES);
    if (length < 20 || packet->data[0] >> 4 != 4) {
        drop(packet);
        return length >= 0;
    }
    unsigned char *address = packet->data + (way == 0 ? 18 : 14); /* destination or source, its last two bytes */
    struct line *line = &lines[address[0] << 8 | address[1]];
    double now_us = read_us(), rate = line->bytes_per_us[way];
    double free_us = line->free_at_us[way] > now_us ? line->free_at_us[way] : now_us;
    if (rate <= 0 || (line->loss > 0 && throw_dice() < line->loss) ||
        (free_us - now_us) * rate + length > line->queue_bytes) {
        drop(packet);
        return 1;
    }
    line->free_at_us[way] = free_us + length / rate;
    uint64_t slot = (uint64_t)((line->free_at_us[way] + line->delay_us) / SLOT_US) + 1;
    if (slot <= slot_now) slot = slot_now + 1;
    if (slot - slot_now >= SLOTS) slot = slot_now + SLOTS - 1;
    packet->length = length;
    packet->way = way;
    packet->next = NULL;
    if (first_due[slot % SLOTS]) last_due[slot % SLOTS]->next = packet;
    else first_due[slot % SLOTS] = packet;
    last_due[slot % SLOTS] = packet;
    under_way++;
    return 1;
}

static void hand_out(int *devices) {
    uint64_t until = read_us() / SLOT_US;
    while (slot_now < until && under_way) {
        unsigned place = ++slot_now % SLOTS;
        struct packet *packet = first_due[place];
        first_due[place] = last_due[place] = NULL;
        while (packet) {
            struct packet *next = packet->next;
            if (write(devices[!packet->way], packet->data, packet->length) < 0) { /* as a full buffer on a real line */ }
            drop(packet);
            under_way--;
            packet = next;
        }
    }
    if (slot_now < until) slot_now = until;
}

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: linkem CONFIG CENTRE STATIONS\n");
        return 2;
    }
    signal(SIGHUP, on_hangup);
    prctl(PR_SET_TIMERSLACK, 20000);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int devices[2] = {open_device(words[2]), open_device(words[3])};
    slot_now = read_us() / SLOT_US;
    dice ^= read_us();
    for (int thrown = 0; thrown < 64; thrown++) throw_dice();
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        if (must_read) {
            must_read = 0;
            read_config(words[1]);
        }
        wait_for_work(devices);
        for (int way = 0; way < 2; way++)
            for (int taken = 0; taken < BATCH && take_up(devices, way); taken++) {}
        hand_out(devices);
    }
}
