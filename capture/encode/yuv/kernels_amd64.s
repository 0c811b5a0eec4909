#include "textflag.h"

// Operands are in Go's order: the destination comes last, and the two sources are swapped against Intel's manual.

// order brings the dwords of two packed lanes into the order of the pixels.
DATA order<>+0(SB)/4, $0
DATA order<>+4(SB)/4, $4
DATA order<>+8(SB)/4, $1
DATA order<>+12(SB)/4, $5
DATA order<>+16(SB)/4, $2
DATA order<>+20(SB)/4, $6
DATA order<>+24(SB)/4, $3
DATA order<>+28(SB)/4, $7
GLOBL order<>(SB), RODATA|NOPTR, $32

// LUMA8 makes 8 dwords of luma from 8 pixels.
#define LUMA8(offset, out) \
	VMOVDQU    offset(SI), out  \
	VPMADDUBSW Y15, out, out    \
	VPMADDWD   Y14, out, out    \
	VPADDD     Y13, out, out    \
	VPSRAD     $22, out, out

// func lumaRow(dst, src *byte, pixels int, m *matrix)
TEXT ·lumaRow(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ pixels+16(FP), CX
	MOVQ m+24(FP), DX
	VPBROADCASTD 0(DX), Y15
	VPBROADCASTD 4(DX), Y14
	VPBROADCASTD 24(DX), Y13
	VMOVDQU      order<>(SB), Y12

luma32:
	PREFETCHT0 8192(SI) // about a row of HD ahead: the X server wrote all this on another core
	PREFETCHT0 8256(SI)
	LUMA8(0, Y0)
	LUMA8(32, Y1)
	LUMA8(64, Y2)
	LUMA8(96, Y3)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VPERMD    Y0, Y12, Y0
	VMOVDQU   Y0, (DI)
	ADDQ $128, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JG   luma32
	VZEROUPPER
	RET

// MEAN8 averages 8 squares of 2x2 pixels.
#define MEAN8(offset, out) \
	VMOVDQU offset(SI), Y8            \
	VMOVDQU offset+32(SI), Y9         \
	VPAVGB  offset(SI)(BX*1), Y8, Y8    \
	VPAVGB  offset+32(SI)(BX*1), Y9, Y9 \
	VSHUFPS $0x88, Y9, Y8, out        \
	VSHUFPS $0xdd, Y9, Y8, Y8         \
	VPAVGB  Y8, out, out

// CHROMA16 makes 16 words of one chroma plane from the means in Y0 and Y1.
#define CHROMA16(parts, weights, out) \
	VPMADDUBSW parts, Y0, out    \
	VPMADDUBSW parts, Y1, Y8     \
	VPMADDWD   weights, out, out \
	VPMADDWD   weights, Y8, Y8   \
	VPADDD     Y11, out, out     \
	VPADDD     Y11, Y8, Y8       \
	VPSRAD     $22, out, out     \
	VPSRAD     $22, Y8, Y8       \
	VPACKSSDW  Y8, out, out

// CHROMA makes 16 bytes of U in X6 and of V in X7 from 32 pixels of two rows.
#define CHROMA \
	MEAN8(0, Y0)                  \
	MEAN8(64, Y1)                 \
	CHROMA16(Y15, Y14, Y4)        \
	CHROMA16(Y13, Y12, Y5)        \
	VPACKUSWB    Y5, Y4, Y4       \
	VEXTRACTI128 $1, Y4, X5       \
	VPUNPCKLWD   X5, X4, X6       \
	VPUNPCKHWD   X5, X4, X7

#define CHROMASETUP \
	VPBROADCASTD 8(DX), Y15  \
	VPBROADCASTD 12(DX), Y14 \
	VPBROADCASTD 16(DX), Y13 \
	VPBROADCASTD 20(DX), Y12 \
	VPBROADCASTD 28(DX), Y11

// func chromaRows(u, v, src *byte, stride, pixels int, m *matrix)
TEXT ·chromaRows(SB), NOSPLIT, $0-48
	MOVQ u+0(FP), DI
	MOVQ v+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ stride+24(FP), BX
	MOVQ pixels+32(FP), CX
	MOVQ m+40(FP), DX
	CHROMASETUP

chroma32:
	CHROMA
	VMOVDQU X6, (DI)
	VMOVDQU X7, (R8)
	ADDQ $128, SI
	ADDQ $16, DI
	ADDQ $16, R8
	SUBQ $32, CX
	JG   chroma32
	VZEROUPPER
	RET

// func chromaPairs(uv, src *byte, stride, pixels int, m *matrix)
TEXT ·chromaPairs(SB), NOSPLIT, $0-40
	MOVQ uv+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), BX
	MOVQ pixels+24(FP), CX
	MOVQ m+32(FP), DX
	CHROMASETUP

pairs32:
	CHROMA
	VPUNPCKLBW X7, X6, X8
	VPUNPCKHBW X7, X6, X9
	VMOVDQU    X8, (DI)
	VMOVDQU    X9, 16(DI)
	ADDQ $128, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JG   pairs32
	VZEROUPPER
	RET
