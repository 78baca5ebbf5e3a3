// The program's file between two labels. An assembler takes it in at once, where a compiler would
// read an array of a million numbers.
        .section .rodata
        .global sluice_launcher_begin
        .global sluice_launcher_end
        .balign 16
sluice_launcher_begin:
        .incbin SLUICE_LAUNCHER_FILE
sluice_launcher_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
