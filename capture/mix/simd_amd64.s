#include "textflag.h"

// twice spreads 4 taps over 4 stereo frames, in each lane from its own half.
DATA twice<>+0(SB)/4, $0
DATA twice<>+4(SB)/4, $0
DATA twice<>+8(SB)/4, $1
DATA twice<>+12(SB)/4, $1
DATA twice<>+16(SB)/4, $2
DATA twice<>+20(SB)/4, $2
DATA twice<>+24(SB)/4, $3
DATA twice<>+28(SB)/4, $3
GLOBL twice<>(SB), RODATA|NOPTR, $32

// TAPS4 adds 4 taps times 4 frames.
#define TAPS4(tap, frame, sum) \
	VBROADCASTF128 tap(SI), Y8      \
	VPERMILPS      Y9, Y8, Y8       \
	VFMADD231PS    frame(DI), Y8, sum

// func dotAVX(k *[taps]float32, s *[2 * taps]float32) (l, r float32)
TEXT ·dotAVX(SB), NOSPLIT, $0-24
	MOVQ k+0(FP), SI
	MOVQ s+8(FP), DI
	VMOVUPS twice<>(SB), Y9
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	TAPS4(0, 0, Y0)
	TAPS4(16, 32, Y1)
	TAPS4(32, 64, Y2)
	TAPS4(48, 96, Y3)
	TAPS4(64, 128, Y0)
	TAPS4(80, 160, Y1)
	TAPS4(96, 192, Y2)
	TAPS4(112, 224, Y3)
	VADDPS Y1, Y0, Y0
	VADDPS Y3, Y2, Y2
	VADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVHLPS X0, X0, X1
	VADDPS X1, X0, X0
	VMOVSS X0, l+16(FP)
	VMOVSHDUP X0, X0
	VMOVSS X0, r+20(FP)
	VZEROUPPER
	RET

// MEASURE8 adds 8 samples to a peak and a sum of squares; what is not a number leaves the peak as it is.
#define MEASURE8(sample, peak, sum) \
	VMOVUPS     sample(SI), Y8 \
	VFMADD231PS Y8, Y8, sum    \
	VANDPS      Y9, Y8, Y8     \
	VMAXPS      peak, Y8, peak

// func measureAVX(samples *float32, n int) (peak, power float32)
TEXT ·measureAVX(SB), NOSPLIT, $0-24
	MOVQ samples+0(FP), SI
	MOVQ n+8(FP), CX
	VPCMPEQD Y9, Y9, Y9
	VPSRLD   $1, Y9, Y9
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

measure16:
	MEASURE8(0, Y0, Y2)
	MEASURE8(32, Y1, Y3)
	ADDQ $64, SI
	SUBQ $16, CX
	JG   measure16
	VMAXPS Y1, Y0, Y0
	VADDPS Y3, Y2, Y2
	VEXTRACTF128 $1, Y0, X1
	VEXTRACTF128 $1, Y2, X3
	VMAXPS X1, X0, X0
	VADDPS X3, X2, X2
	VMOVHLPS X0, X0, X1
	VMOVHLPS X2, X2, X3
	VMAXPS X1, X0, X0
	VADDPS X3, X2, X2
	VMOVSHDUP X0, X1
	VMOVSHDUP X2, X3
	VMAXSS X1, X0, X0
	VADDSS X3, X2, X2
	VMOVSS X0, peak+16(FP)
	VMOVSS X2, power+20(FP)
	VZEROUPPER
	RET
